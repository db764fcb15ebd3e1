package main

import (
	"context"
	"errors"
	"path"
	"runtime"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/secretservice"
)

// examineKeyring says what there is of a desktop's keyring. Where it would not
// be used, nothing about it is bad.
func examineKeyring(ctx context.Context, used bool) []finding {
	if runtime.GOOS != "linux" && !used {
		return nil
	}
	f := keyringFinding(ctx)
	if !used && f.bad() {
		f.State, f.Remedy = "unused", ""
	}
	return []finding{f}
}

func keyringFinding(ctx context.Context) finding {
	e, err := secretservice.Examine(ctx, secretservice.Options{})
	switch {
	case errors.Is(err, kinring.ErrOutOfReach):
		return finding{"keyring", "missing", "there is no session bus", "run it in a desktop session"}
	case err != nil:
		return failed("keyring", err)
	case !e.Usable():
		return finding{"keyring", "missing", unusable(e), "start a keyring in this session, and make a default collection in it"}
	case e.Locked:
		return finding{"keyring", "locked", e.Provider + ", collection " + path.Base(e.Default) + ", locked",
			"unlock it, for example by signing in to the desktop"}
	}
	return finding{Subject: "keyring", State: "ok", Detail: e.Provider + ", collection " + path.Base(e.Default) + ", unlocked"}
}

// unusable says why no secrets can be kept in the keyring.
func unusable(e secretservice.Examination) string {
	switch {
	case e.Startable:
		return "no keyring runs; the bus could start one, but not unlock it"
	case e.Provider == "":
		return "nobody serves a keyring on the session bus"
	}
	return e.Provider + " runs, but has no default collection"
}
