// Assembles the npm package: compiles it and names the packages of
// clients/preflight-npm, which carry the binary for each platform.
//
//	npm ci --ignore-scripts && node build.mjs --version 1.2.3 --out DIR [--only linux-x64]
//
// Nothing is published.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = path.dirname(fileURLToPath(import.meta.url));
const platforms = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "win32-arm64", "win32-x64"];

try {
  const { values } = parseArgs({ options: { version: { type: "string" }, out: { type: "string" }, only: { type: "string" } } });
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(values.version ?? "")) throw new Error("--version wants a semantic version, such as 1.2.3");
  if (!values.out) throw new Error("--out wants a directory");
  const only = values.only ? values.only.split(",") : platforms;
  rmSync(path.join(here, "lib"), { recursive: true, force: true });
  execFileSync(process.execPath, [path.join(here, "node_modules", "typescript", "bin", "tsc"), "-p", here], { stdio: "inherit" });
  const dir = path.join(values.out, "client");
  mkdirSync(dir, { recursive: true });
  cpSync(path.join(here, "lib"), path.join(dir, "lib"), { recursive: true });
  copyFileSync(path.join(here, "README.md"), path.join(dir, "README.md"));
  copyFileSync(path.join(here, "..", "..", "LICENSE"), path.join(dir, "LICENSE"));
  const { devDependencies, scripts, ...manifest } = JSON.parse(readFileSync(path.join(here, "package.json"), "utf8"));
  const optionalDependencies = Object.fromEntries(only.map((p) => [`@kinring/preflight-${p}`, values.version]));
  writeFileSync(path.join(dir, "package.json"), JSON.stringify({ ...manifest, version: values.version, optionalDependencies }, null, 2) + "\n");
  console.log(dir);
} catch (error) {
  console.error(`build: ${error.message}`);
  process.exit(2);
}
