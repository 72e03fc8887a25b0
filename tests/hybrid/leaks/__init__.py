"""The leak matrix: which client sends what to a cloud that it should not, when what goes wrong."""
