"""The HTTP API for administrators: FastAPI, served only on connections that the core opened."""
