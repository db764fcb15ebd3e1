package secitem

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Key is a key of a dictionary, spelled as the content of Apple's constant
// (SecItemConstants.c). The real Table passes the constant itself where there is
// one of that content.
type Key string

// Keys, by the constant that each stands for.
const (
	KeyClass          Key = "class"        // kSecClass
	KeyDataProtection Key = "nleg"         // kSecUseDataProtectionKeychain: bool
	KeyAccessGroup    Key = "agrp"         // kSecAttrAccessGroup: string
	KeyService        Key = "svce"         // kSecAttrService: string
	KeyAccount        Key = "acct"         // kSecAttrAccount: string
	KeyLabel          Key = "labl"         // kSecAttrLabel: string
	KeyDescription    Key = "desc"         // kSecAttrDescription: string
	KeyComment        Key = "icmt"         // kSecAttrComment: string
	KeyGeneric        Key = "gena"         // kSecAttrGeneric: []byte
	KeySynchronizable Key = "sync"         // kSecAttrSynchronizable: bool or SynchronizableAny
	KeyAccessible     Key = "pdmn"         // kSecAttrAccessible: one of the Accessible constants
	KeyCreated        Key = "cdat"         // kSecAttrCreationDate: time.Time
	KeyModified       Key = "mdat"         // kSecAttrModificationDate: time.Time
	KeyAuthUI         Key = "u_AuthUI"     // kSecUseAuthenticationUI: one of the AuthUI constants
	KeyMatchLimit     Key = "m_Limit"      // kSecMatchLimit: int64, MatchLimitOne or MatchLimitAll
	KeyReturnAttrs    Key = "r_Attributes" // kSecReturnAttributes: bool
	KeyReturnData     Key = "r_Data"       // kSecReturnData: bool
	KeyReturnRef      Key = "r_Ref"        // kSecReturnRef: bool; kinring never asks for one
	KeyValueData      Key = "v_Data"       // kSecValueData: []byte
)

// Constant is a value that is one of Apple's constants, spelled by its content.
type Constant string

// Values of keys.
const (
	GenericPassword  Constant = "genp" // kSecClassGenericPassword
	InternetPassword Constant = "inet" // kSecClassInternetPassword

	AccessibleWhenUnlocked               Constant = "ak"   // kSecAttrAccessibleWhenUnlocked
	AccessibleAfterFirstUnlock           Constant = "ck"   // kSecAttrAccessibleAfterFirstUnlock
	AccessibleWhenUnlockedThisDevice     Constant = "aku"  // kSecAttrAccessibleWhenUnlockedThisDeviceOnly
	AccessibleAfterFirstUnlockThisDevice Constant = "cku"  // kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
	AccessibleWhenPasscodeSetThisDevice  Constant = "akpu" // kSecAttrAccessibleWhenPasscodeSetThisDeviceOnly
	SynchronizableAny                    Constant = "syna" // kSecAttrSynchronizableAny
	MatchLimitOne                        Constant = "m_LimitOne"
	MatchLimitAll                        Constant = "m_LimitAll"
	AuthUIAllow                          Constant = "u_AuthUIA" // kSecUseAuthenticationUIAllow
	AuthUIFail                           Constant = "u_AuthUIF" // kSecUseAuthenticationUIFail
	AuthUISkip                           Constant = "u_AuthUIS" // kSecUseAuthenticationUISkip: CopyMatching only
)

// Null is a value that is a null pointer: nobody means it, but a caller in
// another language can pass it.
type Null struct{}

// Dict is a dictionary of SecItem. Values are string, Constant, []byte, bool,
// int64, time.Time or Null; a value of another type gives ErrParam.
//
// A Dict never prints its values: one of them may be a secret.
type Dict map[Key]any

// Format prints the keys.
func (d Dict) Format(f fmt.State, _ rune) {
	keys := make([]string, 0, len(d))
	for _, k := range slices.Sorted(maps.Keys(d)) {
		keys = append(keys, string(k))
	}
	fmt.Fprintf(f, "{%s}", strings.Join(keys, " "))
}

// String returns a text attribute. The login keychain hands out some texts as
// bytes; those are taken too.
func (d Dict) String(k Key) string {
	switch v := d[k].(type) {
	case string:
		return v
	case Constant:
		return string(v)
	case []byte:
		return string(v)
	}
	return ""
}

// Bytes returns an attribute that is data, or nil.
func (d Dict) Bytes(k Key) []byte {
	v, _ := d[k].([]byte)
	return v
}

// Item is one answer of CopyMatching.
type Item struct {
	// Attributes are there if the query asked for them. A value is of the types of
	// a Dict; an attribute that cannot be one is left out.
	Attributes Dict
	// Data is the value if the query asked for it; nil if the item has none.
	Data []byte
}

// Format prints the names of the attributes and the size of the value.
func (i Item) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "{%v, %d bytes}", i.Attributes, len(i.Data))
}
