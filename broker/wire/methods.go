package wire

// The methods that a client may call. Those below "store/" are the shared store
// itself, with conditions and records, for programs that run kinring's engine
// themselves; the others are the family's ring, whose engine the broker runs.
const (
	MethodHello       = "hello"
	MethodProve       = "prove"
	MethodPing        = "ping"
	MethodGet         = "get"
	MethodSet         = "set"
	MethodDelete      = "delete"
	MethodList        = "list"
	MethodStatus      = "status"
	MethodRejected    = "rejected"
	MethodUpdateBegin = "update/begin"
	MethodUpdateEnd   = "update/end"
	MethodWatch       = "watch"
	MethodUnwatch     = "unwatch"
	MethodMigrate     = "migrate"

	MethodStoreOpen   = "store/open"
	MethodStoreGet    = "store/get"
	MethodStorePut    = "store/put"
	MethodStoreDelete = "store/delete"
	MethodStoreList   = "store/list"
	MethodStorePrint  = "store/fingerprintKey"
	MethodLeaseHold   = "lease/hold"
	MethodLeaseBegin  = "lease/begin"
	MethodLeaseEnd    = "lease/release"

	MethodServe    = "legacy/serve"
	MethodBroker   = "broker/status"
	MethodUnlock   = "broker/unlock"
	MethodLock     = "broker/lock"
	MethodShutdown = "broker/shutdown"
)

// Notifications and requests in the other direction.
const (
	// NoteCancel asks to give a request up. It is what vscode-jsonrpc sends.
	NoteCancel = "$/cancelRequest"
	// NoteProgress tells how far a request is that named a progress token.
	NoteProgress = "$/progress"
	// NoteChanged tells of a change of a watched key.
	NoteChanged = "changed"
	// MethodLegacyGet asks a client that serves a legacy source for a value.
	MethodLegacyGet = "legacy/get"
	// MethodLegacyList asks it for the keys, without values.
	MethodLegacyList = "legacy/list"
	// MethodLegacyDelete asks it to remove a value, if it said that it does that.
	MethodLegacyDelete = "legacy/delete"
)

// Hello is the first request of a connection.
type Hello struct {
	// Versions are the versions of the protocol that the client knows.
	Versions []int `json:"versions"`
	// Client says who is calling, for logs. It is a label and proves nothing.
	Client string `json:"client,omitempty"`
	// Family is the family that the client means. Another one than the broker's is
	// refused; it chooses nothing.
	Family string `json:"family,omitempty"`
}

// Welcome is the answer to Hello.
type Welcome struct {
	Version int    `json:"version"`
	Server  string `json:"server"`
	Family  string `json:"family"`
	// Nonce has to be given back by prove before any other request, where the
	// broker says so.
	Nonce string `json:"nonce,omitempty"`
	// Rights are what this client may do; which keys, the policy knows.
	Rights []string `json:"rights"`
	Limits Limits   `json:"limits"`
}

// Store is a store.Info, and the answer to store/open.
type Store struct {
	Kind         string   `json:"kind"`
	ID           string   `json:"id,omitempty"`
	Capabilities []string `json:"capabilities"`
	MaxValue     int      `json:"maxValue"` // bytes
}

// Limits are those that the broker enforces.
type Limits struct {
	Frame    int `json:"frame"`    // bytes of a JSON text
	Key      int `json:"key"`      // bytes of a service, and of an account
	Value    int `json:"value"`    // bytes before base64
	Inflight int `json:"inflight"` // requests at a time in a connection
	Idle     int `json:"idle"`     // seconds without a request, after which a connection is closed; 0 means never
}

// Prove gives the nonce back.
type Prove struct {
	Nonce string `json:"nonce"`
}

// KeyRef names a key: as the profile does, or by service and account.
type KeyRef struct {
	Key     string `json:"key,omitempty"`
	Service string `json:"service,omitempty"`
	Account string `json:"account,omitempty"`
}

// Reading is the answer to get and rejected.
type Reading struct {
	Value      Secret `json:"value"`
	Provenance string `json:"provenance"`
	Source     string `json:"source,omitempty"`
	Revision   string `json:"revision,omitempty"`
	Generation uint64 `json:"generation"`
}

// Wipe overwrites the value.
func (r Reading) Wipe() { r.Value.Wipe() }

// Set is set's parameters.
type Set struct {
	KeyRef
	Value *Secret `json:"value"`
}

// Written is the answer to what writes a value.
type Written struct {
	Revision string `json:"revision"`
}

// Deleted is the answer to delete.
type Deleted struct {
	Existed bool `json:"existed"`
}

// Listing is the answer to list. Keys that the client may not see are left out.
type Listing struct {
	Complete   bool       `json:"complete"`
	Incomplete []Unlisted `json:"incomplete"`
	Keys       []Listed   `json:"keys"`
}

// Unlisted is a store that could not be listed.
type Unlisted struct {
	Source string `json:"source"`
	Error  *Error `json:"error"`
}

// Listed is one key of a listing.
type Listed struct {
	Key     string   `json:"key"`
	Service string   `json:"service"`
	Account string   `json:"account"`
	Where   string   `json:"where"`
	Sources []string `json:"sources"`
}

// Status is the answer to status.
type Status struct {
	Family string      `json:"family"`
	Store  Store       `json:"store"`
	Error  *Error      `json:"error,omitempty"` // why the store cannot be opened
	Keys   []KeyStatus `json:"keys"`
}

// KeyStatus is how one key stands in all stores.
type KeyStatus struct {
	Key        string         `json:"key"`
	Service    string         `json:"service"`
	Account    string         `json:"account"`
	Shared     string         `json:"shared"`
	Generation uint64         `json:"generation"`
	Marker     bool           `json:"marker"`
	Verdict    string         `json:"verdict"`
	Remedy     string         `json:"remedy,omitempty"`
	Legacy     []SourceStatus `json:"legacy"`
}

// SourceStatus is how one key stands in one legacy source.
type SourceStatus struct {
	Source string `json:"source"`
	State  string `json:"state"`
	Active bool   `json:"active"`
}

// Rejected is rejected's parameters: the revision that a server refused.
type Rejected struct {
	KeyRef
	Revision string `json:"revision"`
}

// Current is the answer to update/begin: the client holds the lease of the key
// until it ends the update, or its connection ends.
type Current struct {
	Update      string   `json:"update"`
	Found       bool     `json:"found"`
	Interrupted bool     `json:"interrupted"`
	Reading     *Reading `json:"reading,omitempty"`
}

// Wipe overwrites the value, if there is one.
func (c Current) Wipe() {
	if c.Reading != nil {
		c.Reading.Wipe()
	}
}

// UpdateEnd ends an update: with a value, with nothing changed, or given up.
type UpdateEnd struct {
	Update string  `json:"update"`
	Value  *Secret `json:"value,omitempty"`
	// Keep ends the update without a change. Neither a value nor keep says that
	// what the client tried failed.
	Keep bool `json:"keep,omitempty"`
}

// Watching is the answer to watch, and what unwatch takes.
type Watching struct {
	Watch string `json:"watch"`
}

// Changed is the parameters of the notification changed. The first one says how
// the key stands.
type Changed struct {
	Watch    string `json:"watch"`
	Key      string `json:"key"`
	Present  bool   `json:"present"`
	Revision string `json:"revision,omitempty"`
	Error    *Error `json:"error,omitempty"`
}

// Migrate is migrate's parameters.
type Migrate struct {
	DryRun bool `json:"dryRun,omitempty"`
	// Token, if given, is named by the notifications of progress.
	Token string `json:"progressToken,omitempty"`
}

// Migration is the answer to migrate, and what progress tells.
type Migration struct {
	Total    int         `json:"total"`
	Done     int         `json:"done"`
	Verified int         `json:"verified"`
	Complete bool        `json:"complete"`
	Failed   []FailedKey `json:"failed"`
}

// FailedKey is a key that could not be migrated.
type FailedKey struct {
	Key   string `json:"key"`
	Error *Error `json:"error"`
}

// Progress is the parameters of the notification of progress.
type Progress struct {
	Token string    `json:"token"`
	Value Migration `json:"value"`
}

// Cancel is the parameters of the notification that gives a request up.
type Cancel struct {
	ID rawID `json:"id"`
}

// Condition is a store.Condition.
type Condition struct {
	If       string `json:"if"` // any, absent or match
	Revision string `json:"revision,omitempty"`
}

// Key is a store.Key.
type Key struct {
	Service string `json:"service"`
	Account string `json:"account"`
}

// Item is a store.Item.
type Item struct {
	Value    Secret `json:"value"`
	Record   string `json:"record,omitempty"`
	Revision string `json:"revision,omitempty"`
}

// Wipe overwrites the value.
func (i Item) Wipe() { i.Value.Wipe() }

// Put is store/put's parameters.
type Put struct {
	Key
	Value  *Secret `json:"value"`
	Record string  `json:"record,omitempty"`
	Condition
}

// Remove is store/delete's parameters.
type Remove struct {
	Key
	Condition
}

// StoreList is store/list's parameters; the empty service means all.
type StoreList struct {
	Service string `json:"service,omitempty"`
}

// Entries is the answer to store/list.
type Entries struct {
	Entries []Entry `json:"entries"`
}

// Entry is a store.Entry.
type Entry struct {
	Key
	Record   string `json:"record,omitempty"`
	Revision string `json:"revision,omitempty"`
}

// Print is the answer to store/fingerprintKey.
type Print struct {
	Key Secret `json:"key"`
}

// Lease is the answer to lease/hold, and what lease/begin and lease/release take.
// A lease ends with its connection; the next holder is told if it had begun.
type Lease struct {
	Lease       string `json:"lease"`
	Interrupted bool   `json:"interrupted,omitempty"`
	// Leave, in lease/release, leaves the note that a function has run whose result
	// is not stored.
	Leave bool `json:"leave,omitempty"`
}

// Serving is legacy/serve's parameters: the name in the profile of the legacy
// source that the client serves from now on.
type Serving struct {
	Source string `json:"source"`
	// Deletes says that the client answers legacy/delete too.
	Deletes bool `json:"deletes,omitempty"`
}

// LegacyGet is the parameters of the request legacy/get to a client that serves
// a source. It answers with a LegacyItem; an error of code not found says that it
// looked and found nothing.
type LegacyGet struct {
	Source string `json:"source"`
	Key
}

// LegacyDelete is the parameters of the request legacy/delete. With a value the
// client removes the key only if it holds this value, and otherwise answers with an
// error of code conflict: what came late must not remove what was written since.
// Nothing there is not found.
type LegacyDelete struct {
	Source string `json:"source"`
	Key
	Value *Secret `json:"value,omitempty"`
}

// LegacyItem is the answer to legacy/get.
type LegacyItem struct {
	Value *Secret `json:"value"`
}

// LegacyKeys is the answer to legacy/list.
type LegacyKeys struct {
	Keys []Key `json:"keys"`
}

// BrokerStatus is the answer to broker/status.
type BrokerStatus struct {
	Version     string     `json:"version"`
	PID         int        `json:"pid"`
	Family      string     `json:"family"`
	Store       Store      `json:"store"`
	Locked      bool       `json:"locked"`
	Uptime      int        `json:"uptime"` // seconds
	Connections int        `json:"connections"`
	Requests    uint64     `json:"requests"`
	Denied      uint64     `json:"denied"`
	Peers       []PeerInfo `json:"peers"`
}

// PeerInfo is one connection of broker/status.
type PeerInfo struct {
	PID    int    `json:"pid"`
	Label  string `json:"label,omitempty"`
	Client string `json:"client,omitempty"`
}

// Unlock is broker/unlock's parameters: what opens the store, and for how long.
type Unlock struct {
	Passphrase Secret `json:"passphrase"`
	Seconds    int    `json:"seconds,omitempty"`
}
