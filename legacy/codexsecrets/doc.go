// Package codexsecrets reads and writes the encrypted files in which the OpenAI
// Codex CLI keeps secrets where its feature secret_auth_storage is on, as legacy
// sources. Importing it registers two layouts:
//
//	codexsecrets     the login: CODEX_HOME/secrets/codex_auth.age
//	codexmcpsecrets  credentials of MCP servers: CODEX_HOME/secrets/mcp_oauth.age
//
// A file is in the age format (age-encryption.org/v1), encrypted to a passphrase,
// and holds the JSON object {"version":1,"secrets":{NAME:TEXT}}. The passphrase is
// an item of its own in the system's keyring: service "codex", account "secrets|"
// and 16 hexadecimal digits of the SHA-256 of CODEX_HOME's real path.
//
// # Reading
//
// Whether there is a file, and so whether there is no secret, can be told without
// the passphrase. Where there is a file and no passphrase opens it, the source is
// locked. Opening takes a second or two and up to a gigabyte of memory: the file
// says how much, and Codex chooses it so. What is under way when a caller gives up
// ends by itself and changes nothing.
//
// # Writing
//
// A change is prepared first, then made under Codex's own lock files if the file
// is still the same. A delete removes the entry; the file and its passphrase stay,
// as with Codex. kinring never makes a passphrase: Codex that finds none makes one
// over an existing file, which nothing opens then.
//
// Source: Codex 0.169.0, observed; openai/codex, codex-rs/secrets.
package codexsecrets
