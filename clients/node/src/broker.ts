import { spawn } from "node:child_process";
import { lstatSync, type Stats } from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { KinringError, noService } from "./errors";

/** The two ends of a connection to a broker. */
export interface Streams {
  reader: NodeJS.ReadableStream;
  writer: NodeJS.WritableStream;
  end(): void;
}

/** Where a family's broker listens, by the same rule as kinring itself. */
export function defaultSocket(family: string): string {
  const name = `${family}.sock`;
  const runtime = process.env["XDG_RUNTIME_DIR"];
  if (runtime && path.isAbsolute(runtime)) return path.join(runtime, "kinring", name);
  const uid = String(os.userInfo().uid);
  const run = path.join("/run/user", uid);
  if (process.platform === "linux" && stat(run)?.isDirectory()) return path.join(run, "kinring", name);
  return path.join("/var/tmp", `kinring-${uid}`, "run", name);
}

/** The binary of the platform's optional package. */
export function binary(): string {
  const platform = `${process.platform}-${process.arch}`;
  const file = process.platform === "win32" ? "kinring.exe" : "kinring";
  try {
    return require.resolve(`@kinring/preflight-${platform}/bin/${file}`);
  } catch {
    throw noService(`the package @kinring/preflight-${platform} with kinring's binary is not installed`,
      "install it without --omit=optional, or name a binary");
  }
}

function stat(file: string): Stats | undefined {
  try {
    return lstatSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function refuse(what: string): never {
  throw new KinringError(what, { class: "denied", remedy: "use a socket in a directory of your own" });
}

/**
 * Refuses a socket that others could have made or could use. Node cannot ask the kernel who listens; a directory that
 * only its owner may enter answers that.
 */
export function checkSocket(socket: string): boolean {
  for (const [file, what] of [[path.dirname(socket), "directory"], [socket, "socket"]] as const) {
    const info = stat(file);
    if (!info) return false;
    if (info.isSymbolicLink()) refuse(`the ${what} ${file} is a symbolic link`);
    if (what === "directory" ? !info.isDirectory() : !info.isSocket()) refuse(`${file} is no ${what}`);
    if (info.uid !== os.userInfo().uid) refuse(`the ${what} ${file} belongs to user ${info.uid}`);
    if ((info.mode & 0o077) !== 0) refuse(`the ${what} ${file} is open to others`);
  }
  return true;
}

/** Connects to a socket; undefined says that nobody listens there. */
export function dial(socket: string): Promise<Streams | undefined> {
  if (!checkSocket(socket)) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const connection = net.connect(socket);
    connection.once("connect", () => {
      connection.removeAllListeners("error");
      connection.on("error", () => connection.destroy()); // "close" follows, which says it all
      resolve({ reader: connection, writer: connection, end: () => connection.destroy() });
    });
    connection.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(undefined);
      else reject(noService(`the socket ${socket} cannot be connected to: ${error.code}`));
    });
  });
}

/** Starts a command whose standard input and output are the connection. */
export function command(line: string): Streams {
  const child = spawn(line, { shell: true, stdio: ["pipe", "pipe", "inherit"] });
  child.on("error", () => child.stdout.destroy());
  child.stdin.on("error", () => child.stdout.destroy());
  return { reader: child.stdout, writer: child.stdin, end: () => child.stdin.end() };
}

/** How a broker is started. */
export interface Start {
  binary: string;
  args: string[];
  socket: string;
  /** Milliseconds until it has to listen. */
  timeout: number;
}

/**
 * Starts a broker that outlives this process and ends by itself when nobody uses it, and connects to it. If several
 * programs start one at once, one of them serves all: the others find its lock and end.
 */
export async function start(s: Start): Promise<Streams> {
  const child = spawn(s.binary, [...s.args, "--socket", s.socket], { detached: true, stdio: ["ignore", "ignore", "ignore"] });
  const failed = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(noService(`${s.binary} cannot be started: ${error.message}`, "name another binary")));
  });
  failed.catch(() => undefined); // it is heard in the race
  child.unref();
  const until = Date.now() + s.timeout;
  for (;;) {
    const streams = await Promise.race([dial(s.socket), failed]);
    if (streams) return streams;
    if (Date.now() > until) throw noService(`the broker does not listen at ${s.socket}`, "start kinring serve by hand and see what it says");
    await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), failed]);
  }
}
