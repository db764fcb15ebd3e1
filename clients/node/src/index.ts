/**
 * Talks to kinring's broker: one process that may touch the keychain, for all programs of a family that may not.
 *
 * Values are Buffers. They are in no log and no error of this package; what the program does with them is its own affair.
 */
import {
  CancellationTokenSource, createMessageConnection, ResponseError, StreamMessageReader, StreamMessageWriter, type Message, type MessageConnection,
} from "vscode-jsonrpc/node";
import { binary, command, defaultSocket, dial, start, type Streams } from "./broker";
import { codeNotFound, KinringError, noService, type ErrorClass, type ErrorData } from "./errors";

export { KinringError, type ErrorClass, type ErrorData } from "./errors";

export interface ConnectOptions {
  /** The family's name, for example "codex". A broker of another family is refused. */
  family: string;
  /** The family's profile as a file, where kinring does not know the family by name. */
  profile?: string;
  /** Start a broker if none is there. It ends by itself ten minutes after its last client. */
  autostart?: boolean;
  /** The broker's address: a path, or "exec:COMMAND". Default: KINRING_SOCK, else the family's usual socket. */
  socket?: string;
  /** The kinring binary that autostart starts. Default: that of the platform's optional package. */
  binary?: string;
  /** What this program calls itself in the broker's log. */
  name?: string;
  /** Milliseconds to wait for a broker that is being started, and for its first answer. Default: 10000. */
  timeout?: number;
}

export interface CallOptions {
  /**
   * Gives the call up, also where the broker does not answer. A write that was given up late may have taken place: class
   * "outcome-unknown" or "cancelled" says which.
   */
  signal?: AbortSignal;
}

export type Provenance = "shared" | "legacy" | "fallback" | "unverified" | "env";

export interface Value {
  value: Buffer;
  provenance: Provenance;
  /** The legacy source that it came from, if it did. */
  source?: string;
  revision?: string;
  generation: number;
}

export interface Listed { key: string; service: string; account: string; where: string; sources: string[] }
export interface Listing { complete: boolean; incomplete: { source: string; error: unknown }[]; keys: Listed[] }
export interface KeyStatus {
  key: string; service: string; account: string; shared: string; generation: number; marker: boolean; verdict: string;
  remedy?: string; legacy: { source: string; state: string; active: boolean }[];
}
export interface Status { family: string; store: { kind: string; id?: string }; keys: KeyStatus[] }
export interface Migration { total: number; done: number; verified: number; complete: boolean; failed: { key: string; error: unknown }[] }

export interface Current {
  /** The newest value that anybody has; undefined if there is none. */
  current: Value | undefined;
  /** An update before this one ended in its middle: the value may have been used up. */
  interrupted: boolean;
}

export interface Changed { key: string; present: boolean; revision?: string; error?: KinringError }

/** What a program serves that alone can decrypt an older build's values. */
export interface LegacySource {
  /** Returns the value, or undefined if there is none. Whatever it throws means "cannot be read", never "absent". */
  get(service: string, account: string): Promise<Buffer | string | undefined>;
  /** Names the keys, without decrypting any. */
  list(): Promise<{ service: string; account: string }[]>;
  /**
   * Removes a value for good; it is called after get has returned the value that is meant. Without this method a key that
   * the source holds cannot be deleted as a whole: delete ends with class "partial", and other programs no longer see the
   * key, but this source still has it.
   */
  delete?(service: string, account: string): Promise<void>;
}

interface WireReading { value: string; provenance: Provenance; source?: string; revision?: string; generation: number }
interface LegacyDelete { source: string; service: string; account: string; value?: string }
interface Begun { update: string; found: boolean; interrupted: boolean; reading?: WireReading }
interface Watch { watch: string }
interface WireChanged { watch: string; key: string; present: boolean; revision?: string; error?: { message: string; data?: ErrorData } }

/** Milliseconds that a broker has by default to be there and to answer. */
const patience = 10_000;

/** Milliseconds that a call which was given up waits for the broker to say what came of it. */
const grace = 1000;

/** How long an autostarted broker stays without a client. */
const idleExit = "10m";

async function open(o: ConnectOptions): Promise<Streams> {
  const address = o.socket ?? (process.env["KINRING_SOCK"] || defaultSocket(o.family));
  if (address.startsWith("exec:")) return command(address.slice("exec:".length));
  const there = await dial(address);
  if (there) return there;
  if (!o.autostart) throw noService(`there is no broker at ${address}`);
  const family = o.profile ? ["--profile", o.profile] : ["--family", o.family];
  return start({ binary: o.binary ?? binary(), args: [...family, "serve", "--idle-exit", idleExit], socket: address, timeout: o.timeout ?? patience });
}

/** Finds the family's broker, or starts one, and connects to it. */
export async function connect(o: ConnectOptions): Promise<Kinring> {
  const ring = new Kinring(await open(o));
  try {
    await ring.hello(o);
  } catch (error) {
    ring.close();
    throw error;
  }
  return ring;
}

/**
 * Tells of a connection that takes nothing any more, which rejects all that waits. An error of a write would besides be
 * thrown where vscode-jsonrpc lets nobody catch it.
 */
class Writer extends StreamMessageWriter {
  readonly #lost: () => void;

  constructor(stream: NodeJS.WritableStream, lost: () => void) {
    super(stream);
    this.#lost = lost;
  }

  override async write(message: Message): Promise<void> {
    try {
      await super.write(message);
    } catch {
      this.#lost();
    }
  }
}

/** A connection to a broker. */
export class Kinring {
  readonly #connection: MessageConnection;
  readonly #end: () => void;
  readonly #watches = new Map<string, (event: Changed) => void>();
  readonly #early = new Map<string, WireChanged[]>();
  readonly #progress = new Map<string, (p: Migration) => void>();
  readonly #sources = new Map<string, LegacySource>();
  #tokens = 0;
  #lost = false;

  /** @internal */
  constructor(streams: Streams) {
    this.#end = streams.end;
    const c = createMessageConnection(new StreamMessageReader(streams.reader), new Writer(streams.writer, () => this.#lose()));
    this.#connection = c;
    c.onClose(() => this.#lose());
    c.onError(() => this.#lose());
    c.onNotification("changed", (e: WireChanged) => this.#changed(e));
    c.onNotification("$/progress", (p: { token: string; value: Migration }) => this.#progress.get(p.token)?.(p.value));
    c.onRequest("legacy/get", (p: { source: string; service: string; account: string }) => this.#legacyGet(p));
    c.onRequest("legacy/delete", (p: LegacyDelete) => this.#legacyDelete(p));
    c.onRequest("legacy/list", (p: { source: string }) => this.#legacyList(p));
    c.listen();
  }

  /** @internal */
  async hello(o: ConnectOptions): Promise<void> {
    const soon = { signal: AbortSignal.timeout(o.timeout ?? patience) };
    try {
      const welcome = await this.#call<{ nonce?: string }>("hello", { versions: [1], client: o.name ?? "@kinring/client", family: o.family }, soon);
      if (welcome.nonce) await this.#call("prove", { nonce: welcome.nonce }, soon);
    } catch (error) {
      if (soon.signal.aborted) throw noService("the broker does not answer", "end it and start it anew");
      throw error;
    }
  }

  /** Returns the value of a key, or undefined if every store that could hold it was read and none does. */
  async get(key: string, o: CallOptions = {}): Promise<Value | undefined> {
    try {
      return valueOf(await this.#call<WireReading>("get", { key }, o));
    } catch (error) {
      if (error instanceof KinringError && error.class === "not-found") return undefined;
      throw error;
    }
  }

  /** Writes a value and returns its revision. */
  async set(key: string, value: Buffer | string, o: CallOptions = {}): Promise<string> {
    return (await this.#call<{ revision: string }>("set", { key, value: encode(value) }, o)).revision;
  }

  /** Removes a key, from older builds' stores too, and tells whether there was a value. It revokes nothing at a server. */
  async delete(key: string, o: CallOptions = {}): Promise<boolean> {
    return (await this.#call<{ existed: boolean }>("delete", { key }, o)).existed;
  }

  /** Names the keys without reading a value. */
  list(o: CallOptions = {}): Promise<Listing> {
    return this.#call("list", {}, o);
  }

  /** Says how a key, or each, stands in all stores. */
  status(key?: string, o: CallOptions = {}): Promise<Status> {
    return this.#call("status", key === undefined ? {} : { key }, o);
  }

  /** Called after a server refused a value: returns what took its place, or the same value again. */
  async rejected(key: string, refused: Value, o: CallOptions = {}): Promise<Value> {
    return valueOf(await this.#call<WireReading>("rejected", { key, revision: refused.revision ?? "" }, o));
  }

  /**
   * Replaces a value by what change makes from it, such as by a refresh token that is good for one use. While it runs no
   * other program of the family updates the key. It runs at most once; undefined keeps the value.
   */
  async update(key: string, change: (now: Current) => Promise<Buffer | string | undefined>, o: CallOptions = {}): Promise<string | undefined> {
    const begun = await this.#call<Begun>("update/begin", { key }, o, (late) => this.#failed(late));
    let next: Buffer | string | undefined;
    try {
      next = await change({ current: begun.reading && valueOf(begun.reading), interrupted: begun.interrupted });
    } catch (error) {
      await this.#failed(begun);
      throw error; // the change's own failure is the answer
    }
    const end = next === undefined ? { keep: true } : { value: encode(next) };
    const written = await this.#call<{ revision: string }>("update/end", { update: begun.update, ...end });
    return next === undefined ? undefined : written.revision;
  }

  /** Ends an update that came to nothing. */
  async #failed(begun: Begun): Promise<void> {
    await this.#call("update/end", { update: begun.update }).catch(() => undefined); // it ends with the connection, too
  }

  /** Tells of changes of a key, also by other programs. The first event says how it stands. Returns what ends it. */
  async watch(key: string, listener: (event: Changed) => void): Promise<() => Promise<void>> {
    const { watch } = await this.#call<Watch>("watch", { key });
    this.#watches.set(watch, listener);
    for (const event of this.#early.get(watch) ?? []) listener(changedOf(event));
    this.#early.delete(watch);
    return async () => {
      this.#watches.delete(watch);
      await this.#call("unwatch", { watch }).catch((error: KinringError) => {
        if (error.class !== "invalid") throw error; // it has ended with its grant
      });
      this.#early.delete(watch); // what came meanwhile
    };
  }

  /** Copies what older builds hold into the shared store, verified; it may be run again. */
  async migrate(progress?: (p: Migration) => void, o: CallOptions = {}): Promise<Migration> {
    if (!progress) return this.#call("migrate", {}, o);
    const token = String(++this.#tokens);
    this.#progress.set(token, progress);
    try {
      return await this.#call("migrate", { progressToken: token }, o);
    } finally {
      this.#progress.delete(token);
    }
  }

  /** From now on this program answers for a legacy source of layout "client" of the profile. */
  async serveLegacy(source: string, by: LegacySource): Promise<void> {
    this.#sources.set(source, by);
    await this.#call("legacy/serve", { source, deletes: by.delete !== undefined });
  }

  /** Ends the connection; what it holds ends with it. */
  close(): void {
    this.#lose();
  }

  /** Calls the broker. late gets an answer that comes when the call was given up. */
  async #call<T>(method: string, params: object, o: CallOptions = {}, late?: (answer: T) => void): Promise<T> {
    if (this.#lost) throw noService("the connection to the broker is lost", "connect again");
    o.signal?.throwIfAborted();
    const source = new CancellationTokenSource();
    let timer: NodeJS.Timeout | undefined;
    let give = () => {};
    const unheard = new Promise<never>((_, reject) => {
      give = () => {
        source.cancel();
        timer = setTimeout(() => reject(givenUp(method)), grace);
      };
    });
    o.signal?.addEventListener("abort", give, { once: true });
    const answer = this.#connection.sendRequest<T>(method, params, source.token);
    try {
      return await Promise.race([answer, unheard]);
    } catch (error) {
      if (error instanceof KinringError && late) answer.then(late, () => undefined);
      throw errorOf(error, method);
    } finally {
      clearTimeout(timer);
      o.signal?.removeEventListener("abort", give);
      source.dispose();
    }
  }

  #lose(): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#connection.dispose(); // rejects what waits
    this.#end();
  }

  #changed(event: WireChanged): void {
    const listener = this.#watches.get(event.watch);
    if (listener) listener(changedOf(event));
    else this.#early.set(event.watch, [...(this.#early.get(event.watch) ?? []), event].slice(-16)); // its answer is on the way
  }

  #source(name: string): LegacySource {
    const source = this.#sources.get(name);
    if (!source) throw new ResponseError(-32602, `this client does not serve ${name}`);
    return source;
  }

  async #legacyGet(p: { source: string; service: string; account: string }): Promise<{ value: string }> {
    let value: Buffer | string | undefined;
    try {
      value = await this.#source(p.source).get(p.service, p.account);
    } catch {
      throw unreadable();
    }
    if (value === undefined) throw new ResponseError(codeNotFound, "not found", { class: "not-found" });
    return { value: encode(value) };
  }

  async #legacyDelete(p: LegacyDelete): Promise<object> {
    const source = this.#source(p.source);
    if (!source.delete) throw new ResponseError(-31012, "the source is read-only", { class: "unsupported" });
    if (p.value !== undefined && (await this.#legacyGet(p)).value !== p.value) {
      throw new ResponseError(-31002, "the source holds another value", { class: "conflict" });
    }
    try {
      await source.delete(p.service, p.account);
    } catch {
      throw unreadable();
    }
    return {};
  }

  async #legacyList(p: { source: string }): Promise<{ keys: { service: string; account: string }[] }> {
    try {
      return { keys: await this.#source(p.source).list() };
    } catch {
      throw unreadable();
    }
  }
}

/** What the broker is told when a source cannot be read. The reason stays here: it may quote a value. */
function unreadable(): ResponseError<ErrorData> {
  return new ResponseError(-31006, "the source cannot be read", { class: "unavailable", detail: "the program that serves this source cannot read it" });
}

function encode(value: Buffer | string): string {
  return Buffer.from(value).toString("base64");
}

function valueOf(r: WireReading): Value {
  return { ...r, value: Buffer.from(r.value, "base64") };
}

function changedOf(e: WireChanged): Changed {
  const { watch: _, error, ...rest } = e;
  return error ? { ...rest, error: new KinringError(error.message, error.data ?? { class: "internal" }) } : rest;
}

/** The methods that change nothing: what they were asked for may be asked again. */
const reads = new Set(["hello", "prove", "get", "list", "status", "update/begin", "watch"]);

/** What a call is told that was given up, and of which the broker did not say what came of it. */
function givenUp(method: string): KinringError {
  if (reads.has(method)) return new KinringError(`${method}: given up`, { class: "cancelled" });
  return new KinringError(`${method}: given up, and the broker does not answer`, { class: "outcome-unknown", remedy: "look at the key before writing again" });
}

function errorOf(error: unknown, method: string): KinringError {
  if (error instanceof KinringError) return error;
  if (error instanceof ResponseError) {
    const data = error.data as ErrorData | undefined;
    if (data?.class) return new KinringError(error.message, data);
    if (error.code > -32000 || error.code < -32099) return new KinringError(error.message, { class: classOf(error.code) });
  }
  if (reads.has(method)) return noService("the connection to the broker is lost", "connect again");
  return new KinringError(`${method}: the connection to the broker is lost`, { class: "outcome-unknown", remedy: "look at the key before writing again" });
}

function classOf(code: number): ErrorClass {
  switch (code) {
    case -32700: case -32600: case -32602: return "invalid";
    case -32601: return "unsupported";
  }
  return "internal";
}

