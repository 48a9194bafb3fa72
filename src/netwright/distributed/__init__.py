"""The paper's asynchronous scheme: its parameter server on Ray, its simulator, its replay."""
