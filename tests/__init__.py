"""The suite; a package, so that its helpers are found before those of other packages."""
