package framework

// paths are the libraries to open. They need not exist as files: the system
// keeps them in its shared cache.
func paths() libraries {
	return libraries{
		core:     "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation",
		security: "/System/Library/Frameworks/Security.framework/Security",
		system:   "/usr/lib/libSystem.B.dylib",
	}
}
