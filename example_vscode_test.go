package kinring_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"path/filepath"

	"github.com/kinring/kinring"
	_ "github.com/kinring/kinring/legacy/vscdb"
)

// A program that comes with VS Code shares the app's login. Here the app has never
// been started, so that there is no database to keep in step.
func Example_vsCode() {
	ctx := context.Background()
	dir, remove := throwaway()
	defer remove()
	profile, err := kinring.Builtin("vscode-oss")
	if err != nil {
		log.Fatal(err)
	}
	profile.Vars["userdata"] = kinring.Var{Default: filepath.Join(dir, "user-data")} // as with --user-data-dir
	profile.Vars["argv"] = kinring.Var{Default: filepath.Join(dir, "argv.json")}

	ring, err := kinring.Open(ctx, profile, kinring.WithStoreKind("memory"))
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()
	const login = "vscode.github-authentication/github.auth"
	if _, err := ring.Get(ctx, login); errors.Is(err, kinring.ErrNotFound) {
		fmt.Println("nobody is signed in")
	}
	if _, err := ring.Set(ctx, login, []byte(`[{"id":"made up"}]`)); err != nil {
		log.Fatal(err)
	}
	value, err := ring.Get(ctx, login)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(value, "from", value.Provenance)
	key, _ := ring.Family().Key(login)
	fmt.Println(key.Account)
	// Output:
	// nobody is signed in
	// [redacted] from shared
	// {"extensionId":"vscode.github-authentication","key":"github.auth"}
}
