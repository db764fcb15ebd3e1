package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/legacy/vscdb"
)

// vscode plays an app of VS Code's kind that was told to do without a keyring:
//
//	vscode USERDATA write ACCOUNT VALUE   stores a secret, and first the database
//	vscode USERDATA start                 writes code.lock as a running app does
//	vscode USERDATA stop                  removes it
func vscode(ts *testscript.TestScript, _ bool, args []string) {
	userData, lock := ts.MkAbs(args[0]), filepath.Join(ts.MkAbs(args[0]), "code.lock")
	switch args[1] {
	case "start":
		ts.Check(os.WriteFile(lock, []byte(strconv.Itoa(os.Getpid())), 0o600))
	case "stop":
		ts.Check(os.Remove(lock))
	case "write":
		ts.Check(vscodeWrites(vscdb.Database(userData), args[2], args[3]))
	}
}

func vscodeWrites(path, account, value string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	sealed, err := safestorage.LinuxBasic.Seal(nil, []byte(value))
	if err != nil {
		return err
	}
	var data []string
	for _, b := range sealed {
		data = append(data, strconv.Itoa(int(b)))
	}
	db, err := litedb.Open(litedb.Address(path, "mode=rwc"))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Script("CREATE TABLE IF NOT EXISTS ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"); err != nil {
		return err
	}
	return db.Script("INSERT INTO ItemTable VALUES (?, ?)", "secret://"+account, `{"type":"Buffer","data":[`+strings.Join(data, ",")+`]}`)
}
