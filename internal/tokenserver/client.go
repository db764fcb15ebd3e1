package tokenserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// MarkVariable names the environment variable whose text a client run by Main
// puts into Request.Mark.
const MarkVariable = "TOKENSERVER_MARK"

const (
	markHeader = "Tokenserver-Mark"
	// Agent is the User-Agent of this package's client.
	Agent = "made-up-client/1"
	// account is the account of every made-up login.
	account = "made-up-account"
	// clientLimit is how long the client waits for an answer.
	clientLimit = time.Minute
	// maxLogin bounds a login that is read, in bytes.
	maxLogin = 1 << 20
)

// login is the content of Codex's auth.json, its fields in Codex's order.
type login struct {
	Mode        string  `json:"auth_mode,omitempty"`
	APIKey      *string `json:"OPENAI_API_KEY"`
	Tokens      tokens  `json:"tokens"`
	LastRefresh string  `json:"last_refresh,omitempty"`
}

type tokens struct {
	issued
	Account string `json:"account_id"`
}

// stampLayout is how Codex writes last_refresh: UTC, with nine decimals.
const stampLayout = "2006-01-02T15:04:05.000000000Z"

// Login returns a login with the first refresh token and an access token that
// expired long ago, so that Codex refreshes it as soon as it can.
func Login() []byte {
	l := login{Mode: "chatgpt", LastRefresh: "2020-01-01T00:00:00Z"}
	l.Tokens = tokens{issued{
		ID:      made("id", 1, map[string]any{}),
		Access:  made("access", 1, map[string]any{"exp": 1}),
		Refresh: Token(1),
	}, account}
	return l.text()
}

// text returns the login as Codex writes it: indented by two, no newline.
func (l login) text() []byte {
	text, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		panic(err) // cannot be: plain structures
	}
	return text
}

var errNoLogin = errors.New("not a login with a refresh token")

func parseLogin(text []byte) (login, error) {
	var l login
	if err := json.Unmarshal(text, &l); err != nil || l.Tokens.Refresh == "" {
		return login{}, errNoLogin
	}
	return l, nil
}

// RefreshToken returns the refresh token of a login, or an empty text if it is
// no login with one, such as the half of one that is being written.
func RefreshToken(text []byte) string {
	l, err := parseLogin(text)
	if err != nil {
		return ""
	}
	return l.Tokens.Refresh
}

// Refresh presents the login's token to the server at url and returns the new
// login as Codex would store it.
func Refresh(ctx context.Context, url, mark string, old []byte) ([]byte, error) {
	l, err := parseLogin(old)
	if err != nil {
		return nil, err
	}
	next, err := exchange(ctx, url, mark, l.Tokens.Refresh)
	if err != nil {
		return nil, err
	}
	l.Tokens.issued = next
	l.LastRefresh = time.Now().UTC().Format(stampLayout)
	return l.text(), nil
}

func exchange(ctx context.Context, url, mark, token string) (issued, error) {
	body, err := json.Marshal(map[string]string{"grant_type": "refresh_token", "refresh_token": token})
	if err != nil {
		return issued{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return issued{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", Agent)
	request.Header.Set(markHeader, mark)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return issued{}, err
	}
	defer response.Body.Close()
	return readAnswer(response)
}

func readAnswer(response *http.Response) (issued, error) {
	text, err := io.ReadAll(io.LimitReader(response.Body, maxLogin))
	if err != nil {
		return issued{}, err
	}
	var next issued
	var refused failure
	switch {
	case response.StatusCode == http.StatusOK:
		err = json.Unmarshal(text, &next)
	case json.Unmarshal(text, &refused) == nil && refused.Error.Code != "":
		err = fmt.Errorf("refused: %s", refused.Error.Code)
	default:
		err = fmt.Errorf("refused: %s", response.Status)
	}
	return next, err
}

// Main is a program for `kinring update`: it reads a login from its standard
// input, refreshes it at the server that Variable names and prints the new one.
// If that fails it prints nothing there and exits with 1.
func Main() { os.Exit(run(os.Stdin, os.Stdout, os.Stderr)) }

func run(in io.Reader, out, complaints io.Writer) int {
	ctx, cancel := context.WithTimeout(context.Background(), clientLimit)
	defer cancel()
	next, err := refreshFrom(ctx, in)
	if err == nil {
		_, err = out.Write(next)
	}
	if err != nil {
		fmt.Fprintln(complaints, "refresh:", err)
		return 1
	}
	return 0
}

func refreshFrom(ctx context.Context, in io.Reader) ([]byte, error) {
	old, err := io.ReadAll(io.LimitReader(in, maxLogin))
	if err != nil {
		return nil, err
	}
	return Refresh(ctx, os.Getenv(Variable), os.Getenv(MarkVariable), old)
}
