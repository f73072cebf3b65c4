"""An independent reader of the protocol's messages and files, written from docs/protocol.md. For tests only."""
