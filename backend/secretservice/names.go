package secretservice

import "github.com/godbus/dbus/v5"

// Names of the Secret Service API and of the bus.
const (
	serviceName = "org.freedesktop.secrets"
	servicePath = dbus.ObjectPath("/org/freedesktop/secrets")

	serviceIface    = "org.freedesktop.Secret.Service."
	collectionIface = "org.freedesktop.Secret.Collection."
	itemIface       = "org.freedesktop.Secret.Item."
	sessionIface    = "org.freedesktop.Secret.Session."
	promptIface     = "org.freedesktop.Secret.Prompt."
	propertiesIface = "org.freedesktop.DBus.Properties."
	busIface        = "org.freedesktop.DBus."
)

// none is the path that stands for no object.
const none = dbus.ObjectPath("/")

// exists reports whether a path names something.
func exists(path dbus.ObjectPath) bool { return path != none && path != "" }
