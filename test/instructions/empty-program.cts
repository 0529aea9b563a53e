// Does nothing: what Node.js takes for itself.
