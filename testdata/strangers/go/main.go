// Strangers is what programs on two Go libraries do with a keyring, for tests:
//
//	strangers gokeyring GET|SET|DELETE|TIME SERVICE ACCOUNT
//	strangers keyring99 GET|SET|DELETE|LIST SERVICE ACCOUNT
//	strangers keyring99file GET|SET|DELETE|LIST FOLDER ACCOUNT
//
// SET reads the value from standard input; TIME reads from there how often to get
// it, and prints the median time in nanoseconds. keyring99file takes its
// passphrase from the variable STRANGER_PASSPHRASE. Exit code 1 means that there
// is nothing.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/99designs/keyring"
	gokeyring "github.com/zalando/go-keyring"
)

func main() {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, "usage: strangers LIBRARY VERB SERVICE ACCOUNT")
		os.Exit(2)
	}
	err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	switch {
	case err == nil:
	case errors.Is(err, gokeyring.ErrNotFound), errors.Is(err, keyring.ErrKeyNotFound), errors.Is(err, fs.ErrNotExist):
		fmt.Fprintln(os.Stderr, "not found")
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func run(library, verb, service, account string) error {
	if library == "gokeyring" {
		return runGo(verb, service, account)
	}
	config := keyring.Config{ServiceName: service, AllowedBackends: []keyring.BackendType{keyring.SecretServiceBackend}}
	if library == "keyring99file" {
		config = keyring.Config{FileDir: service, AllowedBackends: []keyring.BackendType{keyring.FileBackend},
			FilePasswordFunc: keyring.FixedStringPrompt(os.Getenv("STRANGER_PASSPHRASE"))}
	}
	ring, err := keyring.Open(config)
	if err != nil {
		return err
	}
	return run99(ring, verb, account)
}

func runGo(verb, service, account string) error {
	switch verb {
	case "GET":
		value, err := gokeyring.Get(service, account)
		fmt.Print(value)
		return err
	case "SET":
		value, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		return gokeyring.Set(service, account, string(value))
	case "DELETE":
		return gokeyring.Delete(service, account)
	case "TIME":
		return timed(func() error { _, err := gokeyring.Get(service, account); return err })
	}
	return fmt.Errorf("unknown verb %q", verb)
}

// timed prints the median time of a call.
func timed(call func() error) error {
	var times int
	if _, err := fmt.Scan(&times); err != nil {
		return err
	}
	var took []time.Duration
	for range times {
		start := time.Now()
		if err := call(); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	fmt.Println(took[len(took)/2].Nanoseconds())
	return nil
}

func run99(ring keyring.Keyring, verb, account string) error {
	switch verb {
	case "GET":
		item, err := ring.Get(account)
		os.Stdout.Write(item.Data)
		return err
	case "SET":
		value, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		return ring.Set(keyring.Item{Key: account, Data: value, Label: "label of " + account, Description: "described"})
	case "DELETE":
		return ring.Remove(account)
	case "LIST":
		keys, err := ring.Keys()
		for _, key := range keys {
			fmt.Println(key)
		}
		return err
	}
	return fmt.Errorf("unknown verb %q", verb)
}
