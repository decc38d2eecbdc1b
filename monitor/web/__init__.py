"""Web pages, and what mails link to. Starlette and uvicorn, the extra `web`."""
