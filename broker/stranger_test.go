//go:build unix

package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/broker/wire"
)

// strangerSocket makes a run of this test binary somebody who means no good to the
// broker at that socket.
const strangerSocket = "KINRING_BROKER_TEST_STRANGER"

// strangersTries is how often a stranger connects.
const strangersTries = 1000

// met is what a stranger met with.
type met struct {
	UID       int      // as it sees itself
	Shut      int      // connects that permissions stopped
	Ended     int      // connections that the broker ended after its refusal
	Answers   []string // what was answered, once each
	Connected int
	Client    string // what kinring's own client said
}

// beStranger connects again and again, asks for what it is not to have, and
// reports what it met with.
func beStranger(socket string) {
	m := met{UID: os.Getuid()}
	seen := map[string]bool{}
	for range strangersTries {
		answer, err := ask(socket)
		switch {
		case errors.Is(err, syscall.EACCES):
			m.Shut++
			continue
		case err == nil:
			m.Ended++
		default:
			answer += " " + err.Error()
		}
		m.Connected++
		if !seen[answer] {
			seen[answer] = true
			m.Answers = append(m.Answers, answer)
		}
	}
	_, err := client.Open(context.Background(), socket, client.Options{})
	if err != nil {
		m.Client = err.Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(m) // who reads it finds that it is missing
}

// ask sends a hello and two requests, and returns what was answered until the
// broker hung up.
func ask(socket string) (string, error) {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil { // a watchdog
		return "", err
	}
	for _, body := range []string{hello, `{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":"auth"}}`, `{"jsonrpc":"2.0","id":2,"method":"broker/shutdown"}`} {
		if _, err := c.Write(wire.AppendFrame(nil, []byte(body))); err != nil {
			break // it was refused already
		}
	}
	all, err := io.ReadAll(c)
	if errors.Is(err, syscall.ECONNRESET) { // of what was not read any more
		err = nil
	}
	return string(all), err
}
