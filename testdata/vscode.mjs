// The other side of the tests of VS Code's layout: it seals and opens secrets
// with Node's own crypto, as Electron's safeStorage on Linux does, and speaks to
// the database through SQLite's shell alone.
//
//   node vscode.mjs seal KEY   lines of JSON [account, value] to SQL
//   node vscode.mjs open KEY   rows of sqlite3 -json to lines of JSON [account, value]
import crypto from 'node:crypto';
import fs from 'node:fs';

const [mode, text] = process.argv.slice(2);
const key = crypto.pbkdf2Sync(text, 'saltysalt', 1, 16, 'sha1');
const iv = Buffer.alloc(16, ' ');
const prefix = 'secret://';
const input = fs.readFileSync(0, 'utf8');

function seal(value) {
  const cipher = crypto.createCipheriv('aes-128-cbc', key, iv);
  return Buffer.concat([Buffer.from('v11'), cipher.update(value, 'utf8'), cipher.final()]);
}

function open(sealed) {
  if (sealed.subarray(0, 3).toString() !== 'v11') throw new Error('not v11');
  const decipher = crypto.createDecipheriv('aes-128-cbc', key, iv);
  return Buffer.concat([decipher.update(sealed.subarray(3)), decipher.final()]).toString('utf8');
}

const quote = (s) => `'${s.replaceAll("'", "''")}'`;

if (mode === 'seal') {
  const out = ['BEGIN;'];
  for (const line of input.split('\n').filter(Boolean)) {
    const [account, value] = JSON.parse(line);
    out.push(`INSERT INTO ItemTable VALUES (${quote(prefix + account)}, ${quote(JSON.stringify(seal(value)))});`);
  }
  console.log([...out, 'COMMIT;'].join('\n'));
} else {
  for (const row of JSON.parse(input || '[]')) {
    const sealed = Buffer.from(JSON.parse(row.value).data);
    console.log(JSON.stringify([row.key.slice(prefix.length), sealed.length ? open(sealed) : '']));
  }
}
