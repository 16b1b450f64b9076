"""What is done to a call, one module a service: plain values in, typed results out."""
