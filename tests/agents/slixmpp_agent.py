#!/usr/bin/env python3
"""An agent's XMPP client for tests: slixmpp, which reads JSON lines on stdin and writes JSON lines to stdout.

A command is {"do": NAME, …, "tag"?: ANY}; its result is {"event": "result", "do": NAME, "tag": ANY,
"ok": BOOL, …}, with "error" if ok is false. Whatever else happens is written as further events:
connected, disconnected, message, receipt, marker, chatstate, presence, subscribe, roster_push, other.

  connect    jid password host port register? resource? tls? xml? receipts? subscribe? smacks?
             receipts: answer XEP-0184 requests, as clients do (true)
             subscribe: what to do with subscription requests: "accept" (as a contact's client does), "deny" or "ignore"
             xml: repeat each stanza's XML in its event (false)
  presence   show? status? priority? to? type?   without `to`, it is the agent's availability
  send       to body id? receipt? thread? replace? -> id
  reply      to said quote body -> id           retract  to said -> id
  chatstate  to state            receipt  to for              marker  to for [kind = displayed]
  roster     -> items            disco    to node? -> identities features        items  to -> items
  vcard      to -> name photo    ping     to -> ms             iq  xml -> xml      raw  xml
  command    to node? [fields]   lists the ad-hoc commands, or runs one to its end -> commands | status note fields
  drop       cuts the connection without closing the stream              quit
"""

import asyncio
import base64
import io
import json
import logging
import sys
import time
from xml.etree import ElementTree

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream import ET, tostring
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

RECEIPTS = "urn:xmpp:receipts"
MARKERS = "urn:xmpp:chat-markers:0"
RETRACT = "urn:xmpp:message-retract:1"
REPLY = "urn:xmpp:reply:0"
STATES = "http://jabber.org/protocol/chatstates"
PLUGINS = "0004 0030 0050 0054 0066 0077 0085 0115 0172 0184 0198 0199 0203 0280 0308 0333 0359 0363 0424 0428 0461".split()
TIMEOUT = 20


def tell(event, **fields):
    print(json.dumps({"event": event, **{k: v for k, v in fields.items() if v is not None}}), flush=True)


def error_of(stanza):
    if stanza["type"] != "error":
        return None
    error = stanza["error"]
    return {"type": error["type"], "condition": error["condition"], "text": error["text"]}


def roster_items(iq):
    items = iq["roster"]["items"].items()
    return [{"jid": str(jid), **{k: v for k, v in item.items() if v}} for jid, item in items]


def child(stanza, namespace, name):
    return stanza.xml.find(f"{{{namespace}}}{name}")


def attribute(stanza, namespace, name, key):
    element = child(stanza, namespace, name)
    return None if element is None else element.get(key)


def nick_of(stanza):
    return stanza.xml.findtext("{http://jabber.org/protocol/nick}nick")


class Agent(slixmpp.ClientXMPP):
    def __init__(self, command):
        resource = command.get("resource", "slixmpp")
        super().__init__(f"{command['jid']}/{resource}", command["password"])
        self.show_xml = command.get("xml", False)
        self.gone = asyncio.get_running_loop().create_future()
        self.ready = asyncio.get_running_loop().create_future()

        smacks = command.get("smacks", False)
        for number in PLUGINS:
            if number != "0198" or smacks:
                self.register_plugin(f"xep_{number}")
        self.plugin["feature_mechanisms"].unencrypted_plain = True
        self.plugin["feature_mechanisms"].unencrypted_scram = True
        self.plugin["xep_0184"].auto_ack = False  # ours looks like a chat client's: type, id
        self.answer_receipts = command.get("receipts", True)
        self.plugin["xep_0077"].create_account = command.get("register", False)

        subscribe = command.get("subscribe", "accept")
        self.auto_authorize = {"accept": True, "deny": False, "ignore": None}[subscribe]
        self.auto_subscribe = subscribe == "accept"

        tls = command.get("tls", False)
        self.enable_direct_tls, self.enable_starttls, self.enable_plaintext = False, tls, not tls
        if tls:  # a test server's certificate is its own
            self.ssl_context.check_hostname = False
            self.ssl_context.verify_mode = 0

        self.register_handler(Callback("every message", MatchXPath("{jabber:client}message"), self.on_message))
        self.register_handler(Callback("every presence", MatchXPath("{jabber:client}presence"), self.on_presence))
        self.add_event_handler("register", self.on_register)
        self.add_event_handler("session_start", self.on_session)
        self.add_event_handler("session_resumed", lambda _: tell("resumed"))
        self.add_event_handler("failed_all_auth", lambda _: self.fail("authentication failed"))
        self.add_event_handler("connection_failed", lambda reason: self.fail(str(reason)))
        self.add_event_handler("disconnected", self.on_disconnected)
        self.add_event_handler("roster_update", self.on_roster)

    def fail(self, reason):
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(reason))

    async def on_register(self, _):
        iq = self.Iq(stype="set", sto=self.boundjid.domain)
        iq["register"]["username"] = self.boundjid.user
        iq["register"]["password"] = self.password
        try:
            await iq.send(timeout=TIMEOUT)
        except IqError as error:
            if error.condition != "conflict":  # else it is there already: log in
                self.fail(f"registration: {error.condition} {error.text}")

    async def on_session(self, _):
        await self.get_roster(timeout=TIMEOUT)
        await self.plugin["xep_0280"].enable(timeout=TIMEOUT)
        if not self.ready.done():
            self.ready.set_result(None)
        tell("connected", jid=str(self.boundjid))

    def on_disconnected(self, reason):
        self.fail(f"disconnected: {reason}")
        if not self.gone.done():
            self.gone.set_result(None)
            tell("disconnected", reason=str(reason) if reason else None)

    def xml_of(self, stanza):
        return tostring(stanza.xml) if self.show_xml else None

    def on_roster(self, iq):
        if iq["type"] == "set":
            tell("roster_push", items=roster_items(iq))

    def on_presence(self, presence):
        kind, sender = presence["type"], str(presence["from"])
        if kind in ("subscribe", "subscribed", "unsubscribe", "unsubscribed"):
            tell("subscribe", **{"from": sender}, type=kind, nick=nick_of(presence))
            return
        plain = kind in ("available", "away", "chat", "dnd", "xa")  # slixmpp calls the show a type
        tell(
            "presence", **{"from": sender}, to=str(presence["to"]),
            type="available" if plain else kind, show=presence["show"] or None,
            status=presence["status"] or None, nick=nick_of(presence),
            error=error_of(presence), xml=self.xml_of(presence),
        )  # fmt: skip

    def on_message(self, message):
        common = {"from": str(message["from"]), "to": str(message["to"]), "id": message["id"] or None}
        error = error_of(message)
        received = child(message, RECEIPTS, "received")
        markers = [e for e in message.xml if e.tag.startswith(f"{{{MARKERS}}}") and e.get("id")]
        states = [e.tag.split("}")[1] for e in message.xml if e.tag.startswith(f"{{{STATES}}}")]

        if error is None and received is not None:
            tell("receipt", **common, **{"for": received.get("id")})
        for marker in markers if error is None else ():
            tell("marker", **common, **{"for": marker.get("id")}, kind=marker.tag.split("}")[1])
        for state in states if error is None else ():
            tell("chatstate", **common, state=state)

        wanted = child(message, RECEIPTS, "request") is not None
        oob = message.xml.findtext("{jabber:x:oob}x/{jabber:x:oob}url")
        if message["body"] or error or oob:
            tell(
                "message", **common, type=message["type"], body=message["body"] or None, error=error, oob=oob,
                delay=attribute(message, "urn:xmpp:delay", "delay", "stamp"), nick=nick_of(message),
                thread=message.xml.findtext("{jabber:client}thread"),
                origin_id=attribute(message, "urn:xmpp:sid:0", "origin-id", "id"),
                replace=attribute(message, "urn:xmpp:message-correct:0", "replace", "id"),
                retract=attribute(message, RETRACT, "retract", "id"), reply=attribute(message, REPLY, "reply", "id"),
                shown=message["reply"].strip_fallback_content() if child(message, REPLY, "reply") is not None else None,
                receipt_requested=wanted, xml=self.xml_of(message),
            )  # fmt: skip
        elif received is None and not markers and not states:
            tell("other", **common, xml=tostring(message.xml))
        if wanted and self.answer_receipts and error is None and message["id"]:
            self.send_child(str(message["from"]), RECEIPTS, "received", message["id"])

    def send_child(self, to, namespace, name, of=None):
        message = self.make_message(to, mtype="chat")
        message["id"] = self.new_id()
        message.append(ET.Element(f"{{{namespace}}}{name}", {"id": of} if of else {}))
        message.send()
        return {"id": message["id"]}

    # The commands: do_NAME, each returning the fields of its result.

    async def do_presence(self, c):
        self.send_presence(c.get("priority"), c.get("status"), c.get("to"), c.get("type"), c.get("show"))

    async def do_send(self, c):
        message = self.make_message(c["to"], c["body"], mtype="chat")
        message["id"] = c.get("id") or self.new_id()
        message["origin_id"]["id"] = message["id"]
        if c.get("thread"):
            message["thread"] = c["thread"]
        if c.get("replace"):
            message["replace"]["id"] = c["replace"]
        if c.get("receipt", True):
            message.append(ET.Element(f"{{{RECEIPTS}}}request"))
        message.send()
        return {"id": message["id"]}

    async def do_reply(self, c):
        message = self.plugin["xep_0461"].make_reply(c["to"], c["said"], c["quote"], mto=c["to"], mbody=c["body"], mtype="chat")
        message["id"] = message["origin_id"]["id"] = self.new_id()
        message.append(ET.Element(f"{{{RECEIPTS}}}request"))
        message.send()
        return {"id": message["id"]}

    async def do_upload(self, c):
        """Uploads as a chat client does (XEP-0363), and sends the link (XEP-0066)."""
        data = base64.b64decode(c["data"])
        url = await self.plugin["xep_0363"].upload_file(
            c["name"], len(data), c.get("type"), input_file=io.BytesIO(data), timeout=TIMEOUT
        )
        return {"url": url, **await self.do_link({**c, "url": url})}

    async def do_link(self, c):
        message = self.make_message(c["to"], c["url"], mtype="chat")
        message["id"] = c.get("id") or self.new_id()
        message["oob"]["url"] = c["url"]
        message.append(ET.Element(f"{{{RECEIPTS}}}request"))
        message.send()
        return {"id": message["id"]}

    async def do_retract(self, c):
        return {"id": self.plugin["xep_0424"].send_retraction(c["to"], c["said"])["id"]}

    async def do_chatstate(self, c):
        return self.send_child(c["to"], STATES, c["state"])

    async def do_receipt(self, c):
        return self.send_child(c["to"], RECEIPTS, "received", c["for"])

    async def do_marker(self, c):
        return self.send_child(c["to"], MARKERS, c.get("kind", "displayed"), c["for"])

    async def do_raw(self, c):
        self.send_raw(c["xml"])

    async def do_iq(self, c):
        iq = self.Iq(xml=ElementTree.fromstring(c["xml"].replace("<iq", "<iq xmlns='jabber:client'", 1)))
        iq["id"] = iq["id"] or self.new_id()
        return {"xml": tostring((await iq.send(timeout=TIMEOUT)).xml)}

    async def do_roster(self, _):
        iq = self.Iq(stype="get")
        iq.append(ET.Element("{jabber:iq:roster}query"))  # without a version: the whole
        return {"items": roster_items(await iq.send(timeout=TIMEOUT))}

    async def do_disco(self, c):
        info = (await self.plugin["xep_0030"].get_info(c["to"], c.get("node"), timeout=TIMEOUT))["disco_info"]
        return {"identities": [list(i) for i in info["identities"]], "features": sorted(info["features"])}

    async def do_items(self, c):
        answer = await self.plugin["xep_0030"].get_items(c["to"], c.get("node"), timeout=TIMEOUT)
        return {"items": [[str(jid), node, name] for jid, node, name in answer["disco_items"]["items"]]}

    async def do_vcard(self, c):
        card = (await self.plugin["xep_0054"].get_vcard(slixmpp.JID(c["to"]), local=False, timeout=TIMEOUT))["vcard_temp"]
        return {"name": card["FN"], "photo": card["PHOTO"]["TYPE"] or None, "xml": tostring(card.xml)}

    async def do_ping(self, c):
        started = time.monotonic()
        await self.plugin["xep_0199"].send_ping(c["to"], timeout=TIMEOUT)
        return {"ms": round((time.monotonic() - started) * 1000, 2)}

    async def do_command(self, c):
        adhoc = self.plugin["xep_0050"]
        if "node" not in c:
            answer = await adhoc.get_commands(c["to"], timeout=TIMEOUT)
            return {"commands": [[node, name] for _, node, name in answer["disco_items"]["items"]]}
        answer = (await adhoc.send_command(c["to"], c["node"], timeout=TIMEOUT))["command"]
        if answer["status"] == "executing":
            form = answer["form"]
            form["type"] = "submit"
            form["values"] = c.get("fields", {})
            reply = await adhoc.send_command(
                c["to"], c["node"], action="complete", payload=form, sessionid=answer["sessionid"], timeout=TIMEOUT
            )
            answer = reply["command"]
        return {"status": answer["status"], "note": [list(n) for n in answer["notes"]], "fields": answer["form"]["values"]}

    async def do_drop(self, _):
        self.abort()


async def connect(command):
    agent = Agent(command)
    agent.connect(command.get("host", "127.0.0.1"), command["port"])
    await asyncio.wait_for(agent.ready, TIMEOUT)
    return agent


async def main():
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    agent = None

    async def perform(command):
        answer = {"do": command.get("do"), "tag": command.get("tag")}
        try:
            method = getattr(agent, f"do_{command['do']}", None)
            if method is None:
                raise ValueError("not connected" if agent is None else "no such command")
            tell("result", **answer, ok=True, **(await method(command) or {}))
        except IqError as error:
            fault = {"type": error.etype, "condition": error.condition, "text": error.text}
            tell("result", **answer, ok=False, error=fault)
        except IqTimeout:
            tell("result", **answer, ok=False, error={"condition": "timeout"})
        except Exception as error:  # a test wants to read it, not to lose the client
            tell("result", **answer, ok=False, error={"condition": type(error).__name__, "text": str(error)})

    pending = set()
    while line := await reader.readline():  # the driver's death ends us as well
        command = json.loads(line)
        if command["do"] == "quit":
            break
        if command["do"] == "connect":
            try:
                agent = await connect(command)
                tell("result", do="connect", tag=command.get("tag"), ok=True)
            except Exception as error:
                fault = {"condition": type(error).__name__, "text": str(error)}
                tell("result", do="connect", tag=command.get("tag"), ok=False, error=fault)
            continue
        # Started in the order given, but a slow one does not delay the others.
        task = asyncio.create_task(perform(command))
        pending.add(task)
        task.add_done_callback(pending.discard)
    if agent and not agent.gone.done():
        await agent.disconnect(wait=1)


if __name__ == "__main__":
    asyncio.run(main())
