package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
)

// manyProfile is of a family with any number of keys.
const manyProfile = `schema  = 1
name    = "many"
service = "com.example.many"
[[key]]
alias   = "token/{name}"
account = "token {name}"
`

// TestManyKeysInTheKeyring (I4): list and status name each of the keys of a full
// keyring, and say how long they take. 1,000 keys with KINRING_LONG=1.
func TestManyKeysInTheKeyring(t *testing.T) {
	n := 200
	switch {
	case os.Getenv("KINRING_LONG") == "1":
		n = 1000
	case testing.Short():
		n = 20
	}
	k := keyringtest.NewGNOME(t)
	fillKeyring(t, k.Bus, n)
	profile := filepath.Join(t.TempDir(), "many.toml")
	if err := os.WriteFile(profile, []byte(manyProfile), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"set", "token/7"}, {"list"}, {"status"}, {"status", "token/7"}, {"get", "token/8"}} {
		cmd := exec.CommandContext(t.Context(), mustFind(t, "kinring"), args...)
		cmd.Env = append(k.Bus.Environment(), "KINRING_PROFILE="+profile, "KINRING_STORE=secret-service", "KINRING_TIMEOUT=60s")
		cmd.Stdin = strings.NewReader("sk-test-made-up-too")
		start := time.Now()
		out, err := cmd.Output()
		took := time.Since(start)
		if err != nil {
			t.Fatalf("kinring %v: %v", args, err)
		}
		named := strings.Count(string(out), "token/")
		if len(args) == 1 && named != n {
			t.Errorf("kinring %v names %d keys of %d", args, named, n)
		}
		t.Logf("%d keys: kinring %s took %v", n, strings.Join(args, " "), took.Round(time.Millisecond))
	}
}

// fillKeyring makes the items as they are kept (docs/FORMATS.md), so that no fence
// of the user's own is left behind for each of them.
func fillKeyring(t *testing.T, b *keyringtest.Bus, n int) {
	t.Helper()
	c, err := secretservice.Connect(t.Context(), secretservice.Options{Address: b.Address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	collection, err := c.DefaultCollection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		account := fmt.Sprintf("token %d", i)
		_, err := c.Create(t.Context(), collection, secretservice.NewItem{
			Label: "com.example.many/" + account,
			Attributes: map[string]string{"kinring:item": "1", "kinring:service": "com.example.many",
				"kinring:account": account, "kinring:number": "1"},
			Secret: secretservice.Secret{Value: store.NewValue([]byte("sk-test-made-up")), ContentType: "application/octet-stream"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func mustFind(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
