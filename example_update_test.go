package kinring_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/kinring/kinring"
)

// session is a login whose refresh token is good for one use.
type session struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh"`
}

// server is a token server: it accepts each refresh token once.
type server struct{ valid int }

var errRefused = errors.New("the server refused the token")

func (s *server) refresh(old session) (session, error) {
	if old.Refresh != fmt.Sprintf("made-up-refresh-%d", s.valid) {
		return session{}, errRefused
	}
	s.valid++
	return session{fmt.Sprintf("made-up-access-%d", s.valid), fmt.Sprintf("made-up-refresh-%d", s.valid)}, nil
}

// signedIn opens a ring of the family notes whose login rotates, after an older
// build has signed in.
func signedIn(dir string) *kinring.Ring {
	olderBuildSignsIn(dir, session{"made-up-access-1", "made-up-refresh-1"})
	p := notes(dir)
	login := p.Keys["auth"]
	login.Rotates = true
	p.Keys["auth"] = login
	ring, err := kinring.Open(context.Background(), p, kinring.WithStoreKind("memory"))
	if err != nil {
		log.Fatal(err)
	}
	return ring
}

func olderBuildSignsIn(dir string, login session) {
	text, err := json.Marshal(login)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "auth.json"), text, 0o600); err != nil {
		log.Fatal(err)
	}
}

// olderBuildHas returns the refresh token that the older build would use next.
func olderBuildHas(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "auth.json"))
	if err != nil {
		log.Fatal(err)
	}
	var login session
	if err := json.Unmarshal(text, &login); err != nil {
		log.Fatal(err)
	}
	return login.Refresh
}

// A refresh token that is good for one use is used inside Update: no other
// program of the family uses it meanwhile, and an older build that is still
// installed gets the new one too.
func ExampleRing_Update() {
	ctx := context.Background()
	dir, remove := throwaway()
	defer remove()
	ring, tokens := signedIn(dir), &server{valid: 1}
	defer ring.Close()

	value, err := ring.Update(ctx, "auth", func(_ context.Context, current kinring.Current) ([]byte, error) {
		if !current.Found {
			return nil, kinring.Keep // nobody is signed in: nothing to refresh
		}
		if current.Interrupted {
			// A program ended while it did this. Its token may be used up; if so the
			// server says it, and a person signs in again.
			log.Print("the refresh before this one was interrupted")
		}
		var old session
		if err := json.Unmarshal(current.Bytes(), &old); err != nil {
			return nil, err
		}
		next, err := tokens.refresh(old)
		if err != nil {
			return nil, err // nothing is changed
		}
		return json.Marshal(next)
	})
	var unsaved *kinring.Unsaved
	if errors.As(err, &unsaved) {
		// The only valid token there is could not be stored: try once more.
		_, err = unsaved.Retry(ctx)
	}
	fmt.Printf("%s %v\n", value.Bytes(), err)
	fmt.Println("the older build has", olderBuildHas(dir))
	// Output:
	// {"access":"made-up-access-2","refresh":"made-up-refresh-2"} <nil>
	// the older build has made-up-refresh-2
}

// UpdateJSON saves the decoding. An error of the function changes nothing.
func ExampleUpdateJSON() {
	ctx := context.Background()
	dir, remove := throwaway()
	defer remove()
	ring, tokens := signedIn(dir), &server{valid: 1}
	defer ring.Close()
	refresh := func(_ context.Context, old session, found bool) (session, error) {
		if !found {
			return old, kinring.Keep
		}
		return tokens.refresh(old)
	}

	for range 3 {
		if err := kinring.UpdateJSON(ctx, ring, "auth", refresh); err != nil {
			log.Fatal(err)
		}
	}
	now, err := kinring.GetJSON[session](ctx, ring, "auth")
	fmt.Println(now.Refresh, err)
	// Output:
	// made-up-refresh-4 <nil>
}

// Rejected is for a program whose token was refused: an older build may have a
// better one, which it wrote only to the store that it knows.
func ExampleRing_Rejected() {
	ctx := context.Background()
	dir, remove := throwaway()
	defer remove()
	ring := signedIn(dir)
	defer ring.Close()
	refused, err := ring.Get(ctx, "auth")
	if err != nil {
		log.Fatal(err)
	}

	// The server refuses it, because the older build has refreshed.
	olderBuildSignsIn(dir, session{"made-up-access-2", "made-up-refresh-2"})
	better, err := ring.Rejected(ctx, "auth", refused)
	fmt.Println("somebody has a better one:", better.Revision != refused.Revision, err)

	// If that is refused as well, nobody has another one.
	same, err := ring.Rejected(ctx, "auth", better)
	fmt.Println("a person has to sign in:", same.Revision == better.Revision, err)
	// Output:
	// somebody has a better one: true <nil>
	// a person has to sign in: true <nil>
}

// Watch tells of changes, whichever program of the family made them.
func ExampleRing_Watch() {
	dir, remove := throwaway()
	defer remove()
	ring, err := kinring.Open(context.Background(), notes(dir), kinring.WithStoreKind("memory"))
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()

	// What happens while the program watches; the first event is how things stand.
	happens := []func() error{
		func() error { _, err := ring.Set(ctx, "auth", []byte(`{"token":"made-up"}`)); return err },
		func() error { _, err := ring.Delete(ctx, "auth"); return err },
	}
	for event := range ring.Watch(ctx, "auth") {
		if event.Err != nil {
			log.Fatal(event.Err)
		}
		fmt.Println("signed in:", event.Present)
		if len(happens) == 0 {
			break
		}
		if err := happens[0](); err != nil {
			log.Fatal(err)
		}
		happens = happens[1:]
	}
	// Output:
	// signed in: false
	// signed in: true
	// signed in: false
}

// Migrate copies everything at once, for a program that does not want to wait
// until each secret is read. It may be stopped and run again.
func ExampleRing_Migrate() {
	ctx := context.Background()
	dir, remove := throwaway()
	defer remove()
	// An older build keeps the logins of several servers in one file.
	file := filepath.Join(dir, "servers.json")
	logins := `{"alpha":{"token":"made-up-a"},"beta":{"token":"made-up-b"},"gamma":{"token":"made-up-c"}}`
	if err := os.WriteFile(file, []byte(logins), 0o600); err != nil {
		log.Fatal(err)
	}
	p := notes(dir)
	p.Legacy = []kinring.Legacy{{Layout: "credentialsjson", Name: "servers", Path: "{home}/servers.json"}}
	ring, err := kinring.Open(ctx, p, kinring.WithStoreKind("memory"))
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()

	before, err := ring.MigrateDryRun(ctx)
	fmt.Println(before.Total, "to copy,", before.Done, "there", err)
	after, err := ring.Migrate(ctx, func(now kinring.Progress) { fmt.Printf("%d of %d\n", now.Done, now.Total) })
	fmt.Println(after.Verified, "read back, complete:", after.Complete, err)
	left, err := os.ReadFile(file)
	fmt.Println("the older build still has its own:", string(left) == logins, err)
	// Output:
	// 3 to copy, 0 there <nil>
	// 1 of 3
	// 2 of 3
	// 3 of 3
	// 3 read back, complete: true <nil>
	// the older build still has its own: true <nil>
}
