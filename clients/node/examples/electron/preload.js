// The bridge is narrow: no value and no name of a key passes it.
const { contextBridge, ipcRenderer } = require("electron");

contextBridge.exposeInMainWorld("account", {
  signedIn: () => ipcRenderer.invoke("signed-in"),
  signOut: () => ipcRenderer.invoke("sign-out"),
  onChange: (listener) => ipcRenderer.on("signed-in-changed", (_event, present) => listener(present)),
});
