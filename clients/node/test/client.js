// The installed package: it starts a broker, shares with the command, decrypts for
// others what only it can.
const assert = require("node:assert");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const { connect, KinringError } = require("@kinring/client");

const [, , binary, profile] = process.argv;
const kinring = (input, ...args) => execFileSync(binary, args, { input });
const is = (cls) => (e) => e instanceof KinringError && e.class === cls;

async function main() {
  const o = { family: "example", profile };
  await assert.rejects(connect(o), is("unavailable"));
  const [ring, twin] = await Promise.all([connect({ ...o, autostart: true }), connect({ ...o, autostart: true })]);
  await assert.rejects(connect({ family: "another", socket: `${process.env.XDG_RUNTIME_DIR}/kinring/example.sock` }), is("conflict"));

  await assert.rejects(ring.get("auth"), is("unavailable")); // a source that nobody serves is not absent
  const older = { auth: "sk-test-decrypted", more: "sk-test-decrypted-too" };
  const electron = {
    async get(_service, account) {
      if (account === "broken") throw new Error("sk-test-secret in an error");
      return older[account];
    },
    async list() { return Object.keys(older).map((account) => ({ service: "Example", account })); },
  };
  await ring.serveLegacy("electron", electron);
  const first = await twin.get("auth");
  assert.deepStrictEqual([first.value.toString(), first.provenance, first.source], ["sk-test-decrypted", "legacy", "electron"]);
  assert.strictEqual(await ring.get("none"), undefined);
  await assert.rejects(ring.get("broken"), (e) => is("unavailable")(e) && !e.message.includes("sk-test"));
  const seen = [];
  const done = await ring.migrate((p) => seen.push(p.done));
  assert.ok(done.complete && done.verified === 2 && seen.length > 0);

  const events = [];
  let wake = () => {};
  const stop = await ring.watch("auth", (e) => { events.push(e); wake(); });
  const next = async () => { while (events.length === 0) await new Promise((r) => { wake = r; }); return events.shift(); };
  assert.strictEqual((await next()).present, true);
  kinring("sk-test-from-the-command", "set", "auth");
  assert.strictEqual((await next()).present, true);
  assert.strictEqual((await ring.get("auth")).value.toString(), "sk-test-from-the-command");
  await stop();
  await ring.set("auth", Buffer.from([0, 255, 10]));
  assert.deepStrictEqual(kinring("", "get", "auth"), Buffer.from([0, 255, 10]));

  const order = [];
  await Promise.all([ring, twin].map((r, n) => r.update("auth", async ({ current }) => {
    order.push(`${n} begins`);
    await new Promise(setImmediate);
    order.push(`${n} ends`);
    return Buffer.concat([current.value, Buffer.from(String(n))]);
  })));
  assert.match(order.join(), /^(.) begins,\1 ends,(.) begins,\2 ends$/);
  assert.strictEqual((await ring.get("auth")).value.length, 5);
  await assert.rejects(ring.update("auth", async () => { throw new Error("its own"); }), /its own/);
  assert.strictEqual(await ring.update("auth", async () => undefined), undefined);
  let leave;
  const held = ring.update("auth", () => new Promise((resolve) => { leave = resolve; }));
  while (!leave) await new Promise(setImmediate);
  const abort = new AbortController();
  setImmediate(() => abort.abort());
  await assert.rejects(twin.update("auth", async () => "never", { signal: abort.signal }), (e) => e.name === "AbortError" || is("cancelled")(e));
  leave(undefined);
  await held;
  assert.deepStrictEqual((await ring.list()).keys.map((k) => k.key), ["auth", "more"]);
  assert.strictEqual((await ring.status("more")).keys.length, 1);
  await assert.rejects(ring.set("auth", Buffer.alloc((1 << 20) + 1)), is("too-large"));
  await assert.rejects(ring.delete("more"), is("partial")); // nobody but this program could delete what it serves
  assert.deepStrictEqual([await twin.get("more"), older.more], [undefined, "sk-test-decrypted-too"]);
  await ring.serveLegacy("electron", { ...electron, async delete(_service, account) { delete older[account]; } });
  assert.strictEqual(await twin.delete("more"), true); // this finishes it
  assert.deepStrictEqual([await twin.delete("auth"), older], [true, {}]);
  await silent(o);
  const { pid } = JSON.parse(kinring("", "--json", "serve", "status"));
  process.kill(pid, "SIGSTOP"); // it is there, and says nothing
  try {
    const soon = () => ({ signal: AbortSignal.timeout(50) });
    const answer = () => ring.get("auth", soon()).then(() => true, (e) => assert.ok(is("cancelled")(e), e));
    while (await answer()); // a signal takes a moment
    await assert.rejects(ring.set("auth", "late", soon()), is("outcome-unknown"));
    await assert.rejects(ring.update("auth", async () => assert.fail("it began"), soon()), is("cancelled"));
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await twin.update("auth", async () => undefined); // the one that was given up keeps nobody away
  twin.close();
  kinring("", "serve", "stop");
  await assert.rejects(ring.get("auth"), is("unavailable"));
  ring.close();
  console.log("ok");
}

// silent is a socket that takes connections and says nothing.
async function silent(o) {
  const socket = `${process.env.XDG_RUNTIME_DIR}/kinring/silent.sock`;
  const taken = [];
  const server = net.createServer((c) => taken.push(c)).listen(socket);
  await new Promise((resolve) => server.once("listening", resolve));
  fs.chmodSync(socket, 0o600);
  await assert.rejects(connect({ ...o, socket, timeout: 100 }), (e) => is("unavailable")(e) && e.message.includes("answer"));
  server.close();
  for (const c of taken) c.destroy();
}

main().catch((error) => { console.error(error); process.exit(1); });
