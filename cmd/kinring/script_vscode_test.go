package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/legacy/vscdb"
	"github.com/kinring/kinring/store"
)

// vscodeKey is the text of the app's key in the keyring, made up.
const vscodeKey = "bWFkZSB1cCBrZXkgdGV4dA=="

// vscode plays an app of VS Code's kind:
//
//	vscode USERDATA write ACCOUNT VALUE   stores a secret as an app does that was told to do
//	                                      without a keyring, and first makes the database
//	vscode USERDATA seal ACCOUNT VALUE    the same with the keyring's key
//	vscode USERDATA fill NUMBER           stores that many secrets, KEY n of pub.ext with the value n
//	vscode USERDATA key APP               makes that key in the session's keyring
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
		ts.Check(vscodeWrites(vscdb.Database(userData), safestorage.LinuxBasic, args[2], args[3]))
	case "seal":
		ts.Check(vscodeWrites(vscdb.Database(userData), safestorage.LinuxKeyring, args[2], args[3]))
	case "fill":
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		for i := range n {
			account := fmt.Sprintf(`{"extensionId":"pub.ext","key":"KEY %d"}`, i)
			ts.Check(vscodeWrites(vscdb.Database(userData), safestorage.LinuxBasic, account, strconv.Itoa(i)))
		}
	case "key":
		ts.Check(vscodeMakesKey(ts.Getenv("DBUS_SESSION_BUS_ADDRESS"), args[2]))
	default:
		ts.Fatalf("vscode cannot %s", args[1])
	}
}

func vscodeMakesKey(bus, app string) error {
	ctx := context.Background()
	conn, err := secretservice.Connect(ctx, secretservice.Options{Address: bus})
	if err != nil {
		return err
	}
	defer conn.Close()
	collection, err := conn.DefaultCollection(ctx)
	if err != nil {
		return err
	}
	_, err = conn.Create(ctx, collection, secretservice.NewItem{Label: app + " Safe Storage",
		Attributes: map[string]string{"application": app, "xdg:schema": "chrome_libsecret_os_crypt_password_v2"},
		Secret:     secretservice.Secret{Value: store.NewValue([]byte(vscodeKey))}})
	return err
}

func vscodeWrites(path string, form safestorage.Form, account, value string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	sealed, err := form.Seal([]byte(vscodeKey), []byte(value))
	if err != nil {
		return err
	}
	var data []string
	for _, b := range sealed {
		data = append(data, strconv.Itoa(int(b)))
	}
	db, err := litedb.Open(context.Background(), litedb.Address(path, "mode=rwc"))
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.Script("CREATE TABLE IF NOT EXISTS ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"); err != nil {
		return err
	}
	return db.Script("INSERT INTO ItemTable VALUES (?, ?)", "secret://"+account, `{"type":"Buffer","data":[`+strings.Join(data, ",")+`]}`)
}
