package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"runtime"
	"strings"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker/client"
)

// examineBroker says whether the family's broker is there, and what it lets this
// program do. It starts none, unless KINRING_SOCK names a command, as every
// use of the family does then.
func (a *app) examineBroker(ctx context.Context) []finding {
	p := a.familyProfile()
	if p.Name == "" || runtime.GOOS == "windows" { // there are no brokers on Windows yet
		return nil
	}
	named := os.Getenv(client.Variable)
	address := cmp.Or(named, client.DefaultSocket(p.Name, os.Getenv))
	c, err := client.Dial(ctx, address, client.Options{Family: p.Name, Name: "kinring doctor"})
	if err == nil {
		defer c.Close()
		return []finding{brokerFinding(address, c)}
	}
	if errors.Is(err, kinring.ErrNoService) && named == "" {
		return []finding{{Subject: "broker", State: "unused", Detail: "none at " + address}}
	}
	return []finding{failed("broker", err)}
}

// brokerFinding describes a broker that answered.
func brokerFinding(address string, c *client.Conn) finding {
	w := c.Welcome()
	if len(w.Rights) == 0 {
		return finding{"broker", "denied", w.Server + " at " + address + " grants this program nothing",
			"have the grants that it was started with allow it (kinring serve --grants)"}
	}
	return finding{Subject: "broker", State: "ok", Detail: w.Server + " at " + address + "; may " + strings.Join(w.Rights, ", ")}
}
