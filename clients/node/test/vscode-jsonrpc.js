// npm's vscode-jsonrpc as it is, without anything of kinring's: hello, errors, get,
// put, watch, cancel.
const assert = require("node:assert");
const net = require("node:net");
const rpc = require("vscode-jsonrpc/node");

async function open() {
  const socket = net.connect(process.argv[2]);
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const connection = rpc.createMessageConnection(socket, socket);
  connection.listen();
  await connection.sendRequest("hello", { versions: [1] });
  return connection;
}

const fails = (promise, code, cls) => assert.rejects(promise, (e) => e instanceof rpc.ResponseError && e.code === code && e.data.class === cls);

async function main() {
  const c = await open();
  await fails(c.sendRequest("get", { key: "rpc" }), -31001, "not-found");
  await fails(c.sendRequest("no-such"), -32601, "unsupported");
  await fails(c.sendRequest("get", { key: 7 }), -32602, "invalid");
  const heard = [];
  let wake = () => {};
  c.onNotification("changed", (e) => { heard.push(e); wake(); });
  const event = async () => { while (heard.length === 0) await new Promise((r) => { wake = r; }); return heard.shift(); };
  await c.sendRequest("watch", { key: "rpc" });
  assert.strictEqual((await event()).present, false);
  await c.sendRequest("set", { key: "rpc", value: Buffer.from("value").toString("base64") });
  assert.strictEqual((await event()).present, true);
  const got = await c.sendRequest("get", { key: "rpc" });
  assert.strictEqual(Buffer.from(got.value, "base64").toString(), "value");
  const item = await c.sendRequest("store/get", { service: "Codex Auth", account: "rpc" });
  await fails(c.sendRequest("store/put", { service: "Codex Auth", account: "rpc", value: "", if: "absent" }), -31002, "conflict");
  await c.sendRequest("store/put", { service: "Codex Auth", account: "rpc", value: "bmV3", record: item.record, if: "match", revision: item.revision });
  const update = await c.sendRequest("update/begin", { key: "rpc" });
  const other = await open();
  const cancel = new rpc.CancellationTokenSource();
  const waiting = other.sendRequest("update/begin", { key: "rpc" }, cancel.token);
  cancel.cancel(); // it waits for the first one, and is given up
  await fails(waiting, -31005, "cancelled");
  await c.sendRequest("update/end", { update: update.update, keep: true });
  await c.sendRequest("delete", { key: "rpc" });
  c.end();
  other.end();
  console.log("ok");
}

main().catch((error) => { console.error(error); process.exit(1); });
