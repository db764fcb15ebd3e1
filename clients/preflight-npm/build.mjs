// Assembles the npm packages: the wrapper, and one package per platform with the
// binary that Go built for it.
//
//	node build.mjs --version 1.2.3 --out DIR [--only linux-x64,darwin-arm64] [--binaries DIR]
//
// With --binaries the files kinring-GOOS-GOARCH of that directory are taken;
// without it they are built. Nothing is published.
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = path.dirname(fileURLToPath(import.meta.url));
const repository = path.join(here, "..", "..");

// platforms maps npm's words for a platform to Go's.
const platforms = {
  "darwin-arm64": ["darwin", "arm64"],
  "darwin-x64": ["darwin", "amd64"],
  "linux-arm64": ["linux", "arm64"],
  "linux-x64": ["linux", "amd64"],
  "win32-arm64": ["windows", "arm64"],
  "win32-x64": ["windows", "amd64"],
};

function options() {
  const { values } = parseArgs({
    options: { version: { type: "string" }, out: { type: "string" }, only: { type: "string" }, binaries: { type: "string" } },
  });
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(values.version ?? "")) throw new Error("--version wants a semantic version, such as 1.2.3");
  if (!values.out) throw new Error("--out wants a directory");
  const only = values.only ? values.only.split(",") : Object.keys(platforms);
  for (const p of only) if (!platforms[p]) throw new Error(`unknown platform ${p}: use ${Object.keys(platforms).join(", ")}`);
  return { ...values, only };
}

// binaryOf places the binary of one platform at a path.
function binaryOf([goos, goarch], binaries, to) {
  if (binaries) {
    const from = path.join(binaries, `kinring-${goos}-${goarch}`);
    if (!existsSync(from)) throw new Error(`${from} is not there: build it first, or leave --binaries out`);
    copyFileSync(from, to);
  } else {
    const env = { ...process.env, CGO_ENABLED: "0", GOOS: goos, GOARCH: goarch };
    execFileSync("go", ["build", "-trimpath", "-ldflags=-s -w", "-o", path.resolve(to), "./cmd/kinring"], { cwd: repository, env, stdio: "inherit" });
  }
  chmodSync(to, 0o755);
}

const json = (file) => JSON.parse(readFileSync(file, "utf8"));
const writeJSON = (file, value) => writeFileSync(file, JSON.stringify(value, null, 2) + "\n");

// platformPackage writes the package of one platform and returns its name.
function platformPackage(platform, { version, out, binaries }) {
  const dir = path.join(out, platform);
  const [os, cpu] = platform.split("-");
  const name = `@kinring/preflight-${platform}`;
  mkdirSync(path.join(dir, "bin"), { recursive: true });
  binaryOf(platforms[platform], binaries, path.join(dir, "bin", os === "win32" ? "kinring.exe" : "kinring"));
  copyFileSync(path.join(repository, "LICENSE"), path.join(dir, "LICENSE"));
  writeFileSync(path.join(dir, "README.md"), `The binary of @kinring/preflight for ${platform}.\n`);
  const { license, repository: source } = json(path.join(here, "wrapper", "package.json"));
  writeJSON(path.join(dir, "package.json"), {
    name, version, description: `The binary of @kinring/preflight for ${platform}`, license, repository: source, os: [os], cpu: [cpu], files: ["bin"],
  });
  return name;
}

// wrapperPackage writes the package that people install.
function wrapperPackage(names, { version, out }) {
  const dir = path.join(out, "preflight");
  cpSync(path.join(here, "wrapper"), dir, { recursive: true });
  copyFileSync(path.join(repository, "LICENSE"), path.join(dir, "LICENSE"));
  const manifest = json(path.join(dir, "package.json"));
  const optionalDependencies = Object.fromEntries(names.map((n) => [n, version]));
  writeJSON(path.join(dir, "package.json"), { ...manifest, version, optionalDependencies });
}

try {
  const chosen = options();
  const names = chosen.only.map((p) => platformPackage(p, chosen));
  wrapperPackage(names, chosen);
  console.log([...chosen.only, "preflight"].map((p) => path.join(chosen.out, p)).join("\n"));
} catch (error) {
  console.error(`build: ${error.message}`);
  process.exit(2);
}
