"""A real SMTP server for tests, which can be told to fail in every way a server can.

    with SmtpServer() as server:                        # in clear, takes everything
        SmtpMailer(server.settings(), SENDER).send(mail, before_last)
        [taken] = server.taken

    with SmtpServer(Script(rcpt={"a@b": "550 no such user"})) as server: ...
    with SmtpServer(tls=server_tls(authority), login=("user", "secret")) as server: ...

    with SmtpServer() as server:                        # one fault, at one point of the dialogue
        server.fault = Fault("MAIL", reply="421 going down", close=True)

What a client did is in `taken`, `recipients`, `commands` and `logins`; the script may be changed
while the server runs: `server.script = Script(...)`.
"""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from monitor.deliver.smtp import SmtpSettings


@dataclass
class Script:
    """How to behave: a reply in place of the usual one, or a fault."""

    greeting: str | None = None  # "421 busy": said, then the line is cut
    mail: str | None = None
    rcpt: dict[str, str] = field(default_factory=dict)  # by address; "*" for any
    data: str | None = None  # after the dot, in place of "250 ..."
    drop: str | None = None  # "greeting", "data": in the middle, "dot": unread, "answer": taken
    drip: float | None = None  # seconds between the bytes of each reply
    drip_from: str = "greeting"  # which replies drip: all, or from the "answer" to the dot on
    echo: bool = False  # a login is answered with the very words that were sent


@dataclass(frozen=True)
class Fault:
    """What goes wrong at one point: *at* is "greeting", a command, "text" (within it) or "dot".

    Up to MAIL it strikes the first connection alone, from RCPT on whatever is for *recipient*.
    """

    at: str
    reply: str | None = None  # said in place of the usual one
    close: bool = False  # and the line is closed after it
    do: str | None = (
        None  # "drop" the line, "hang", "drip" a reply, "flood" with lines, or a "line"
    )
    once: bool = False  # and the connection is well after it
    taken: bool = False  # at the dot: the mail is taken first
    recipient: str = "faulty@example.com"


@dataclass(frozen=True)
class Taken:
    """A mail the server has taken."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool


def server_tls(authority, *names, **options):
    """Return a server's side of TLS with a certificate of *authority* (trustme.CA)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1", "localhost")), **options).configure_cert(context)
    return context


class SmtpServer:
    """The server; *tls* offers STARTTLS, or begins with TLS if *implicit*.

    With *login* it is needed; mechanisms in *without*, "PLAIN" or "LOGIN", are not offered.
    """

    def __init__(self, script=None, *, tls=None, implicit=False, login=None, without=(), utf8=True):
        self.script = script or Script()
        self.fault = None
        self.taken, self.recipients, self.commands, self.logins = [], [], [], []
        self.protocols = []
        self.port = None
        self._login = login
        self._implicit = implicit
        options = {"enable_SMTPUTF8": utf8, "decode_data": False, "server_hostname": "mx.test"}
        if tls and not implicit:
            options |= {"tls_context": tls, "require_starttls": True}
        if login:
            options |= {"authenticator": self._judge, "auth_required": True}
            options["auth_exclude_mechanism"] = without
            options["auth_require_tls"] = not implicit  # aiosmtpd knows STARTTLS only
        self._controller = _Controller(self, options, tls if implicit else None)

    def __enter__(self):
        self._controller.start()
        self.port = self._controller.server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        self.hang_up()
        self._controller.stop()

    def hang_up(self):
        """Cut all lines."""
        loop = self._controller.loop
        asyncio.run_coroutine_threadsafe(self._hang_up(), loop).result(timeout=10)

    async def _hang_up(self):
        """Cut all lines and see their tasks off, so that nothing is left for the collector."""
        for protocol in self.protocols:
            # No transport: the line is lost already. In Python 3.11.2 (Debian 12) a TLS transport
            # that was closed twice forgets its protocol, which comes to the same.
            with suppress(AttributeError):
                protocol.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def settings(self, **changes):
        """Return settings that lead a mailer here."""
        values = {"host": "127.0.0.1", "port": self.port, "security": "none"}
        return SmtpSettings(**values | {"timeout": timedelta(seconds=20)} | changes)

    def _judge(self, _server, _session, _envelope, _mechanism, data):
        sent = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode())
        self.logins.append(sent)
        return AuthResult(success=sent == self._login, handled=False)

    # --- what aiosmtpd calls -------------------------------------------------------------------

    async def handle_MAIL(self, _server, _session, envelope, address, options):  # noqa: N802
        if self.script.mail:
            return self.script.mail
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        self.recipients.append(address)
        reply = self.script.rcpt.get(address) or self.script.rcpt.get("*")
        if reply:
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        server.answering = True
        fault = server.fault_at("dot")
        if fault and not fault.taken:
            return await server.fail(fault)
        if self.script.drop == "dot":
            server.transport.abort()
            return "250 never seen"
        if self.script.data:
            return self.script.data
        encrypted = session.ssl is not None or self._implicit
        self.taken.append(
            Taken(envelope.mail_from, tuple(envelope.rcpt_tos), envelope.content, encrypted)
        )
        if self.script.drop == "answer":
            server.transport.abort()
        if fault:
            return await server.fail(fault)
        return f"250 OK queued as {len(self.taken)}"


class _Controller(Controller):
    def __init__(self, sink, options, implicit):
        super().__init__(sink, hostname="127.0.0.1", port=0, ssl_context=implicit, **options)
        self.sink = sink

    def factory(self):
        protocol = _Protocol(self.sink, **self.SMTP_kwargs)
        self.sink.protocols.append(protocol)
        return protocol

    def _trigger_server(self):
        # The usual check connects to the port that was asked for, which is 0: any free one.
        self._factory_invoked.set()
        self.smtpd = True


class _Protocol(SMTP):
    greeted = False
    answering = False

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        for verb in ("EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA"):
            self._smtp_methods[verb] = partial(self._or_fail, verb, self._smtp_methods[verb])

    def fault_at(self, point, said=""):
        """Return the fault that strikes here, if any."""
        fault = self.event_handler.fault
        if fault is None or fault.at != point:
            return None
        if point in {"RCPT", "DATA", "text", "dot"}:
            named = [said, *(self.envelope.rcpt_tos if self.envelope else [])]
            return fault if any(fault.recipient in name for name in named) else None
        return fault if self.event_handler.protocols[0] is self else None

    async def _or_fail(self, verb, method, arg):
        fault = self.fault_at(verb, arg or "")
        if fault is None:
            await method(arg)
        else:
            self.event_handler.commands.append(f"{verb} fails")
            if fault.once:
                self.event_handler.fault = None
            status = await self.fail(fault)
            if status:
                await self.push(status)

    async def fail(self, fault):
        """Let *fault* happen; return what is still to be said, if anything."""
        if fault.do == "drop":
            self.transport.abort()
        elif fault.do == "hang":
            await asyncio.Event().wait()
        elif fault.do == "drip":
            await self._drip("250 " + "x" * 400, every=0.2)
        elif fault.do in {"flood", "line"}:
            end = b"\r\n" if fault.do == "flood" else b""
            with suppress(ConnectionError):
                while not self.transport.is_closing():
                    self._writer.write(b"250-" + b"x" * 500 + end)
                    await self._writer.drain()
        elif fault.close:
            with suppress(ConnectionError):
                await super().push(fault.reply)
            self.transport.close()
        else:
            return fault.reply
        return None

    @property
    def script(self):
        return self.event_handler.script

    async def push(self, status):
        if not self.greeted:
            self.greeted = True
            fault = self.fault_at("greeting")
            if fault:
                status = await self.fail(fault)
                if status is None:
                    return
            if self.script.drop == "greeting":
                self.transport.abort()
                return
            if self.script.greeting:
                await super().push(self.script.greeting)
                self.transport.close()
                return
        with suppress(ConnectionError):  # a script may have cut the line
            drips = self.answering or self.script.drip_from == "greeting"
            if self.script.drip and drips:
                await self._drip(status, self.script.drip)
            elif status is not None:
                await super().push(status)

    async def _drip(self, status, every):
        line = status.encode() if isinstance(status, str) else status
        with suppress(ConnectionError):
            for byte in line + b"\r\n":
                self._writer.write(bytes([byte]))
                await self._writer.drain()
                await asyncio.sleep(every)

    async def smtp_EHLO(self, hostname):  # noqa: N802
        self.event_handler.commands.append(f"EHLO {hostname}")
        await super().smtp_EHLO(hostname)

    async def smtp_QUIT(self, arg):  # noqa: N802
        self.event_handler.commands.append("QUIT")
        await super().smtp_QUIT(arg)

    async def smtp_MAIL(self, arg):  # noqa: N802
        self.event_handler.commands.append(f"MAIL {arg}")
        await super().smtp_MAIL(arg)

    async def smtp_AUTH(self, arg):  # noqa: N802
        if self.script.echo:
            await self.push(f"535 you said: {arg}")
            return
        await super().smtp_AUTH(arg)

    async def smtp_DATA(self, arg):  # noqa: N802
        fault = self.fault_at("text")
        if fault:
            await self.push("354 go on")
            if fault.do == "drop":
                await self._reader.readuntil(b"\r\n")
            await self.fail(fault)
            return
        if self.script.drop == "data":
            await self.push("354 go on")
            await self._reader.readuntil(b"\r\n")
            self.transport.abort()
            return
        await super().smtp_DATA(arg)
