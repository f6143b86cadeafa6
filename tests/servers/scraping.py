"""What Prometheus does: asks over HTTP, on a socket that is connected already, and reads the samples."""

import socket
from http.client import HTTPMessage, HTTPResponse
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families


class Got(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes


def get(client: socket.socket, target: str, *fields: str, method: str = "GET") -> Got:
    """Ask for a page, with further header fields as they stand."""
    lines = [f"{method} {target} HTTP/1.1", "Host: authd", *fields]
    return said(client, "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n", method)


def said(client: socket.socket, request: bytes, method: str = "GET") -> Got:
    """Send any bytes and read the answer to its end."""
    with client:
        client.sendall(request)
        response = HTTPResponse(client, method=method)
        response.begin()
        with response:
            return Got(response.status, response.headers, response.read())


class Scrape:
    """The samples of a page of metrics."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """Add up all samples of this name that have these labels; there has to be one."""
        found = [each.value for each in self._samples if each.name == name and labels.items() <= each.labels.items()]
        assert found, f"{name}{labels}: expected a sample, got none"
        return sum(found)

    def values(self, label: str) -> set[str]:
        """Give the values of a label, whatever it is of."""
        return {each.labels[label] for each in self._samples if label in each.labels}

    def names(self) -> set[str]:
        return {each.name for each in self._samples}
