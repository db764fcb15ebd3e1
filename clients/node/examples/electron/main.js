// The main process is the only one that talks to the broker. It also decrypts, with
// its own safeStorage, what older versions of this application have kept.
const { app, BrowserWindow, ipcMain, safeStorage } = require("electron");
const { connect } = require("@kinring/client");
const { readFile, rename, writeFile } = require("node:fs/promises");
const path = require("node:path");

// What the window may ask for. It names no key: that is decided here.
const signInKey = "auth";

// older reads what this application's older versions wrote: base64 of what
// safeStorage encrypted, by account.
const file = () => path.join(app.getPath("userData"), "secrets.json");

async function older() {
  try {
    return JSON.parse(await readFile(file(), "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return {};
    throw error; // unreadable is not absent
  }
}

app.whenReady().then(async () => {
  const ring = await connect({ family: "example", profile: path.join(__dirname, "family.toml"), autostart: true, name: app.getName() });
  await ring.serveLegacy("electron", {
    async get(_service, account) {
      const all = await older();
      if (!Object.hasOwn(all, account)) return undefined;
      return Buffer.from(safeStorage.decryptString(Buffer.from(all[account], "base64")));
    },
    async list() {
      return Object.keys(await older()).map((account) => ({ service: "Example", account }));
    },
    async delete(_service, account) {
      const { [account]: _, ...rest } = await older();
      await writeFile(file() + ".new", JSON.stringify(rest), { mode: 0o600 });
      await rename(file() + ".new", file());
    },
  });
  ipcMain.handle("signed-in", async () => (await ring.get(signInKey)) !== undefined);
  ipcMain.handle("sign-out", () => ring.delete(signInKey));
  const window = new BrowserWindow({ webPreferences: { preload: path.join(__dirname, "preload.js") } });
  await ring.watch(signInKey, (event) => window.webContents.send("signed-in-changed", event.present));
  await window.loadFile(path.join(__dirname, "index.html"));
  app.on("will-quit", () => ring.close());
});
