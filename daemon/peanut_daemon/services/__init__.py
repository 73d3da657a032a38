"""The RPC methods, thin: convert, call, convert."""
