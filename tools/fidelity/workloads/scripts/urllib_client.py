"""Asks an HTTP server by urllib, and by http.client on one connection as long as the server keeps it."""
import http.client
import sys
import urllib.parse
import urllib.request

url = sys.argv[1]
for size in (0, 100, 70000, 3000000):
    with urllib.request.urlopen(f"{url}/{size}.bin") as response:
        assert len(response.read()) == size
connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
for _ in range(20):
    connection.request("GET", "/100.bin")
    assert len(connection.getresponse().read()) == 100
