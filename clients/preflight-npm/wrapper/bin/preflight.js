#!/usr/bin/env node
// Runs `kinring preflight` with the binary of the package for this platform.
"use strict";

const { spawn } = require("node:child_process");
const path = require("node:path");

// binary finds the executable that npm installed for this platform. npm leaves
// an optional package out without a word, so its absence needs one.
function binary() {
  const name = `@kinring/preflight-${process.platform}-${process.arch}`;
  const file = process.platform === "win32" ? "kinring.exe" : "kinring";
  try {
    return path.join(path.dirname(require.resolve(`${name}/package.json`)), "bin", file);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    console.error(`preflight: the package ${name} is not installed`);
    console.error("preflight: hint: install without --omit=optional; if the platform is new, build kinring with Go");
    process.exit(2);
  }
}

const child = spawn(binary(), ["preflight", ...process.argv.slice(2)], { stdio: "inherit" });
child.on("error", (error) => {
  console.error(`preflight: cannot start the binary: ${error.message}`);
  process.exit(2);
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
