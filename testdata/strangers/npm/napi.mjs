// What a program on @napi-rs/keyring does with a keyring, for tests:
//
//	node napi.mjs PACKAGE GET|SET|DELETE|TIME SERVICE ACCOUNT
//
// PACKAGE is keyring4 (the Rust crate's version 4) or keyring2 (version 2). SET
// reads the value from standard input; TIME reads from there how often to get it,
// and prints the median time in nanoseconds. Exit code 1 means that there is
// nothing.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [name, verb, service, account] = process.argv.slice(2);
// Of version 2 there is the program for one platform alone.
const module = { keyring4: "./v4/node_modules/@napi-rs/keyring", keyring2: "./v2/node_modules/@napi-rs/keyring-linux-x64-gnu" };
const { Entry } = createRequire(import.meta.url)(module[name]);
const entry = new Entry(service, account);
switch (verb) {
  case "GET": {
    const value = entry.getPassword();
    if (value === null || value === undefined) process.exit(1);
    process.stdout.write(value);
    break;
  }
  case "SET":
    entry.setPassword(readFileSync(0, "utf8"));
    break;
  case "DELETE":
    if (!entry.deletePassword()) process.exit(1);
    break;
  case "TIME": {
    const took = [];
    for (let n = Number(readFileSync(0, "utf8")); n > 0; n--) {
      const start = process.hrtime.bigint();
      if (entry.getPassword() === null) process.exit(1);
      took.push(Number(process.hrtime.bigint() - start));
    }
    took.sort((a, b) => a - b);
    console.log(took[took.length >> 1]);
    break;
  }
  default:
    console.error(`unknown verb ${verb}`);
    process.exit(2);
}
