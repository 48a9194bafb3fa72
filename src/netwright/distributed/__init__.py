"""The paper's asynchronous scheme: shards of a parameter server, here or on Ray, its simulator, its replay."""
