package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
)

const demoLong = `Run the main job end to end in a throwaway directory, on the embedded vault: an
older build and a new build of one family share a login. After each step it
prints what stands where. All secrets are made up; nothing outside the directory
is touched, and the directory is removed at the end.`

// demoProfile describes a family whose older build keeps its login in a file.
// It is Codex's layout under another name.
var demoProfile = kinring.Profile{
	Name:    "demo",
	Service: "Demo Login",
	Policy:  kinring.Policy{Preset: "shared-only"},
	Vars:    map[string]kinring.Var{"home": {Env: "KINRING_DEMO_HOME", Form: "realpath-sha256-16"}},
	Keys:    kinring.Keys{"auth": {Account: "cli|{home}", Value: "json"}},
	Legacy:  []kinring.Legacy{{Layout: "authjson", Path: "{home}/auth.json"}},
}

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show the main job in a throwaway directory",
		Long:  demoLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			dir, err := os.MkdirTemp("", "kinring-demo-")
			if err != nil {
				return err
			}
			return errors.Join(a.demo(ctx, dir), os.RemoveAll(dir))
		},
	}
}

// demo is one run of the story.
type demo struct {
	*app
	ring *kinring.Ring
	auth string // the older build's file
	step int
}

func (a *app) demo(ctx context.Context, dir string) error {
	home := filepath.Join(dir, "older-build")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	if err := os.Setenv("KINRING_DEMO_HOME", home); err != nil {
		return err
	}
	options := vault.Options{Path: filepath.Join(dir, "vault.db")}
	keyFile := filepath.Join(dir, "vault.key")
	options.Keys = []vault.KeySource{vault.KeyFile(keyFile)}
	if err := errors.Join(vault.GenerateKeyFile(ctx, keyFile), vault.Create(ctx, options)); err != nil {
		return err
	}
	ring, err := kinring.Open(ctx, demoProfile, kinring.WithStore(vault.Driver(options)), kinring.WithStateDir(dir))
	if err != nil {
		return err
	}
	d := &demo{app: a, ring: ring, auth: filepath.Join(home, "auth.json")}
	return errors.Join(d.story(ctx), ring.Close())
}

// story goes through the story. Each step checks what it claims.
func (d *demo) story(ctx context.Context) error {
	for _, step := range []struct {
		title string
		act   func(context.Context) error
	}{
		{"an older build signs in; it knows nothing but its own file", d.olderSignsIn("made-up-token-1")},
		{"a new build reads, and copies the login into the shared store", d.newReads("made-up-token-1")},
		{"the new build signs in anew; it writes to the shared store alone", d.newWrites("made-up-token-2")},
		{"the new build reads its own login", d.newReads("made-up-token-2")},
		{"the older build still has the login that it knows", d.olderReads("made-up-token-1")},
		{"the new build signs out, everywhere", d.newDeletes},
		{"ten more reads bring nothing back", d.nothingComesBack},
		{"the older build signs in once more, and the new build follows", d.olderReturns("made-up-token-3")},
	} {
		if err := step.act(ctx); err != nil {
			return fmt.Errorf("demo: %s: %w", step.title, err)
		}
		if err := d.show(ctx, step.title); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(d.out, "\nDone. Nothing is left of it on this machine.")
	return err
}

func login(token string) string { return fmt.Sprintf("{\n  \"token\": %q\n}", token) }

func (d *demo) olderSignsIn(token string) func(context.Context) error {
	return func(context.Context) error { return os.WriteFile(d.auth, []byte(login(token)), 0o600) }
}

func (d *demo) olderReads(token string) func(context.Context) error {
	return func(context.Context) error {
		got, err := os.ReadFile(d.auth)
		return expect(string(got), login(token), err)
	}
}

func (d *demo) newReads(token string) func(context.Context) error {
	return func(ctx context.Context) error {
		v, err := d.ring.Get(ctx, "auth")
		return expect(string(v.Bytes()), login(token), err)
	}
}

func (d *demo) newWrites(token string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := d.ring.Set(ctx, "auth", []byte(login(token)))
		return err
	}
}

func (d *demo) newDeletes(ctx context.Context) error {
	existed, err := d.ring.Delete(ctx, "auth")
	if err == nil && !existed {
		err = errors.New("there was nothing to delete")
	}
	return err
}

func (d *demo) nothingComesBack(ctx context.Context) error {
	for range 10 {
		if _, err := d.ring.Get(ctx, "auth"); !errors.Is(err, kinring.ErrNotFound) {
			return fmt.Errorf("expected not found, got %v", err)
		}
	}
	if _, err := os.Lstat(d.auth); !errors.Is(err, os.ErrNotExist) {
		return errors.New("the older build's file is still there")
	}
	return nil
}

func (d *demo) olderReturns(token string) func(context.Context) error {
	return func(ctx context.Context) error {
		return errors.Join(d.olderSignsIn(token)(ctx), d.newReads(token)(ctx))
	}
}

func expect(got, want string, err error) error {
	if err == nil && got != want {
		err = errors.New("not the expected login")
	}
	return err
}

// show prints what stands where.
func (d *demo) show(ctx context.Context, title string) error {
	d.step++
	st, err := d.ring.Status(ctx, "auth")
	if err != nil {
		return err
	}
	k := st.Keys[0]
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\n%d. %s\n", d.step, title)
	fmt.Fprintf(w, "   shared store\t%s\n", k.Shared)
	for _, s := range k.Legacy {
		fmt.Fprintf(w, "   older build's %s\t%s\n", filepath.Base(d.auth), sourceText(s))
	}
	fmt.Fprintf(w, "   verdict\t%s\n", k.Verdict)
	return w.Flush()
}
