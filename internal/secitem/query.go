package secitem

// Keychain says which keychain a query addresses.
type Keychain int

const (
	// DataProtection is the keychain with access groups.
	DataProtection Keychain = iota
	// Login is the file-based keychain.
	Login
	// Unsaid leaves the flag out, as programs that know nothing of it do.
	Unsaid
)

// Sync says which of iCloud's and the device's own items a query means.
type Sync int

const (
	// Local means items that stay on this device.
	Local Sync = iota
	// Synced means items that iCloud carries to other devices.
	Synced
	// LocalOrSynced means both. It is for searches.
	LocalOrSynced
)

// Query is a generic password, or a search for one, with the habits that both
// keychains need: it names its keychain, and in the data-protection keychain
// whether it is synchronised. Empty fields are left out.
type Query struct {
	Keychain    Keychain
	AccessGroup string
	Service     string
	Account     string
	Label       string
	// Generic is the attribute that a search with it must match byte for byte. Nil
	// is left out; empty is not.
	Generic    []byte
	Sync       Sync
	Accessible Constant
	// Value is for Add. Nil is left out; empty is not.
	Value []byte
	// All asks for all matches instead of the first.
	All bool
	// ReturnAttributes and ReturnData say what CopyMatching returns.
	ReturnAttributes, ReturnData bool
	// AuthUI says what happens where the data-protection keychain would ask a
	// person. The login keychain does not heed it.
	AuthUI Constant
}

// Dict returns the dictionary of the query.
func (q Query) Dict() Dict {
	d := Dict{KeyClass: GenericPassword}
	if q.Keychain != Unsaid {
		d[KeyDataProtection] = q.Keychain == DataProtection
	}
	d.text(KeyAccessGroup, q.AccessGroup)
	d.text(KeyService, q.Service)
	d.text(KeyAccount, q.Account)
	d.text(KeyLabel, q.Label)
	d.data(KeyGeneric, q.Generic)
	d.data(KeyValueData, q.Value)
	d.constant(KeyAccessible, q.Accessible)
	d.constant(KeyAuthUI, q.AuthUI)
	d.flag(KeyReturnAttrs, q.ReturnAttributes)
	d.flag(KeyReturnData, q.ReturnData)
	if q.All {
		d[KeyMatchLimit] = MatchLimitAll
	}
	switch {
	case q.Sync == Synced:
		d[KeySynchronizable] = true
	case q.Sync == LocalOrSynced:
		d[KeySynchronizable] = SynchronizableAny
	case q.Keychain == DataProtection:
		d[KeySynchronizable] = false
	}
	return d
}

// Change is what Update sets. It can name neither group nor accessibility: an
// Update that does moves an item out of others' sight.
type Change struct {
	// Value, Generic: nil leaves what is there, empty sets it empty.
	Value, Generic []byte
	Label          string
}

// Dict returns the dictionary of the change.
func (c Change) Dict() Dict {
	d := Dict{}
	d.data(KeyValueData, c.Value)
	d.data(KeyGeneric, c.Generic)
	d.text(KeyLabel, c.Label)
	return d
}

func (d Dict) text(k Key, v string) {
	if v != "" {
		d[k] = v
	}
}

func (d Dict) constant(k Key, v Constant) {
	if v != "" {
		d[k] = v
	}
}

func (d Dict) data(k Key, v []byte) {
	if v != nil {
		d[k] = v
	}
}

func (d Dict) flag(k Key, v bool) {
	if v {
		d[k] = true
	}
}
