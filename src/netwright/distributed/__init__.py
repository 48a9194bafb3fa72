"""The paper's asynchronous scheme without a cluster: shards of a parameter server, its simulator, its replay."""
