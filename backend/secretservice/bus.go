package secretservice

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// sessionBus returns the address of the user's session bus: the one that the
// environment names, else the one that systemd makes for the user, so that a
// program without the session's environment, such as a cron job, finds the same
// keyring.
func sessionBus() (string, error) {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return address, nil
	}
	dirs := []string{filepath.Join("/run/user", strconv.Itoa(os.Getuid()))}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		dirs = append([]string{dir}, dirs...)
	}
	for _, dir := range dirs {
		path := filepath.Join(dir, "bus")
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
			return "unix:path=" + dbus.EscapeBusAddressValue(path), nil
		}
	}
	return "", &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Detail: "there is no session bus, and so no keyring",
		Remedy: "run it in a desktop session, or under dbus-run-session with a keyring of its own"}
}

// dial connects to a bus. The connection is not bound to the context, which
// limits only how long connecting may take. overhear sees every message before it
// is passed on.
func dial(ctx context.Context, address string, overhear func(*dbus.Message)) (*dbus.Conn, error) {
	type result struct {
		conn *dbus.Conn
		err  error
	}
	alive, cancel := context.WithCancel(context.Background())
	done := make(chan result, 1)
	go func() {
		external := dbus.AuthExternal(strconv.Itoa(os.Geteuid()))
		conn, err := dbus.Connect(address, dbus.WithContext(alive), dbus.WithAuth(external),
			dbus.WithIncomingInterceptor(overhear))
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			cancel()
			return nil, noBus(r.err)
		}
		context.AfterFunc(r.conn.Context(), cancel)
		return r.conn, nil
	case <-ctx.Done():
		cancel() // ends the handshake; nobody waits for its result
		return nil, store.FromContext(ctx)
	}
}

func noBus(err error) error {
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Err: err,
		Detail: "the session bus, on which the keyring is, cannot be reached",
		Remedy: "run it in a desktop session, or correct DBUS_SESSION_BUS_ADDRESS"}
}
