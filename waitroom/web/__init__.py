"""The web process: visitors, edges and operators over HTTP and Socket.IO."""
