{
  "targets": [
    {
      "target_name": "selftrace",
      "conditions": [
        [
          "OS=='linux'",
          {
            "sources": ["src/selftrace.cc"],
            "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
            "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_DEPRECATED", "NAPI_DISABLE_CPP_EXCEPTIONS"],
            "cflags": ["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
            "libraries": ["-ldl"]
          },
          { "type": "none" }
        ]
      ]
    }
  ]
}
