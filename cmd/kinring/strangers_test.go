package main

import (
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/codextest"
	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/internal/strangers"
)

// stranger is a program that knows nothing of kinring and uses the very service
// and account of a shared key.
type stranger interface {
	get() (value string, there bool)
	set(value string)
	delete() (there bool)
}

// library is a stranger on a keyring library.
type library struct {
	strangers.Client
	t                testing.TB
	bus              *keyringtest.Bus
	service, account string
}

func (l library) get() (string, bool) { return l.Get(l.t, l.bus, l.service, l.account) }
func (l library) set(value string)    { l.Set(l.t, l.bus, l.service, l.account, value) }
func (l library) delete() bool        { return l.Delete(l.t, l.bus, l.service, l.account) }

// codexItself is Codex with its login in the keyring.
type codexItself struct {
	t    testing.TB
	home *codextest.Home
}

func (c codexItself) get() (string, bool) {
	in, said := c.home.LoggedIn(c.t)
	return said, in
}

func (c codexItself) set(value string) { c.home.Login(c.t, value) }

func (c codexItself) delete() bool {
	r := c.home.Run(c.t, "", "logout")
	if r.Code != 0 {
		c.t.Errorf("codex logout: exit %d, %s", r.Code, r.Stderr)
	}
	return strings.Contains(r.Stdout+r.Stderr, "Successfully logged out")
}

// strangeDesk is a session in which kinring keeps a shared value in the keyring.
type strangeDesk struct {
	*testing.T
	keyring *keyringtest.GNOME
	codex   *codextest.Home
	account string
}

func newStrangeDesk(t *testing.T) strangeDesk {
	d := strangeDesk{T: t, codex: codextest.New(t), keyring: keyringtest.NewGNOME(t)}
	d.codex.OnBus(d.keyring.Bus.Address)
	d.codex.Configure(t, "cli_auth_credentials_store = \"keyring\"\n")
	d.account = codexAccount("cli", d.codex.Dir)
	return d
}

func (d strangeDesk) kinring(stdin string, args ...string) {
	d.Helper()
	program, err := exec.LookPath("kinring")
	if err != nil {
		d.Fatal(err)
	}
	cmd := exec.CommandContext(d.Context(), program, args...)
	cmd.Env = append(d.keyring.Bus.Environment(), "CODEX_HOME="+d.codex.Dir, "KINRING_FAMILY=codex",
		"KINRING_STORE=secret-service", "KINRING_TIMEOUT=60s")
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		d.Fatalf("kinring %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// items returns kinring's items and the others'.
func (d strangeDesk) items() (ours, others []keyringtest.Entry) {
	for _, e := range keyringtest.Dump(d, d.keyring.Bus) {
		if isOwn(e) {
			ours = append(ours, e)
		} else {
			others = append(others, e)
		}
	}
	return ours, others
}

// visit lets a stranger do all that it can, and expects what it would find in an
// empty keyring.
func (d strangeDesk) visit(s stranger) {
	d.Helper()
	before, others := d.items()
	if len(before) == 0 || len(others) != 0 {
		d.Fatalf("the keyring begins with %d items of kinring's and %d others", len(before), len(others))
	}
	check := func(what string) {
		d.Helper()
		if after, _ := d.items(); !reflect.DeepEqual(after, before) {
			d.Errorf("%s: kinring's items are %+v, were %+v", what, after, before)
		}
	}
	if value, there := s.get(); there {
		d.Errorf("it reads %q", value)
	}
	if s.delete() {
		d.Error("it deletes something")
	}
	check("read and deleted")
	s.set("sk-test-of-a-stranger-01")
	check("set")
	if _, there := s.get(); !there {
		d.Error("it does not find its own item")
	}
	s.set("sk-test-of-a-stranger-02")
	check("set again")
	if !s.delete() {
		d.Error("it does not find its own item to delete")
	}
	check("deleted")
	if _, others := d.items(); len(others) != 0 {
		d.Errorf("left: %+v", others)
	}
}

// TestStrangersLeaveOursAlone (I1, I2): programs that use the very service and
// account of a shared key read, set and delete as in an empty keyring, beside a
// shared value and beside a marker; kinring's items stay as they are.
func TestStrangersLeaveOursAlone(t *testing.T) {
	makes := map[string]func(strangeDesk) stranger{
		"Codex": func(d strangeDesk) stranger { return codexItself{d, d.codex} },
	}
	for _, c := range []strangers.Client{strangers.GoKeyring, strangers.Rust4, strangers.Rust2, strangers.Python} {
		makes[c.Name] = func(d strangeDesk) stranger {
			c.Need(d)
			return library{c, d, d.keyring.Bus, "Codex Auth", d.account}
		}
	}
	for name, makeIt := range makes {
		t.Run(name, func(t *testing.T) {
			d := newStrangeDesk(t)
			s := makeIt(d)
			d.kinring(`{"made-up":"shared"}`, "set", "auth")
			d.visit(s)
			d.kinring("", "delete", "auth")
			d.visit(s)
		})
	}
}

// TestStrangersFindTheRawValue: whoever looks for kinring's own attributes finds
// the value as it is.
func TestStrangersFindTheRawValue(t *testing.T) {
	d := newStrangeDesk(t)
	const value = `{"made-up":"raw, not encoded"}`
	d.kinring(value, "set", "auth")
	cmd := exec.Command("secret-tool", "lookup", "kinring:service", "Codex Auth", "kinring:account", d.account)
	cmd.Env = d.keyring.Bus.Environment()
	if out, err := cmd.Output(); err != nil || string(out) != value {
		t.Errorf("secret-tool: %q, %v; want %q", out, err, value)
	}
}
