{
  "variables": {
    # What the build was configured for: auto, dtrace, systemtap, ebpf or noop (npm_config_sonde_backend, or
    # node-gyp's --sonde_backend=). The default at run time: the addon knows it, and where there is none, a file in its place.
    "sonde_backend%": "auto"
  },
  "targets": [
    {
      "target_name": "sonde",
      "conditions": [
        [
          "target_arch not in ['x64', 'arm64'] or OS not in ['linux', 'mac', 'freebsd', 'solaris'] or sonde_backend=='noop'",
          { "type": "none" },
          {
            "sources": ["src/addon.cc", "src/dtrace.cc", "src/fire.cc", "src/stub-pool.cc"],
            "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
            "defines": [
              "NAPI_VERSION=8",
              "NODE_ADDON_API_DISABLE_DEPRECATED",
              "NAPI_DISABLE_CPP_EXCEPTIONS",
              "SONDE_BACKEND=\"<(sonde_backend)\""
            ],
            "cflags": ["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
            "xcode_settings": { "GCC_SYMBOLS_PRIVATE_EXTERN": "YES", "MACOSX_DEPLOYMENT_TARGET": "11.0" }
          }
        ],
        [
          "OS=='linux'",
          { "sources": ["src/dtrace-helper-linux.cc", "src/events.cc", "src/object.cc"], "libraries": ["-ldl"] }
        ],
        ["OS=='mac'", { "sources": ["src/dtrace-helper-macos.cc"] }],
        ["OS=='freebsd'", { "sources": ["src/dtrace-helper-freebsd.cc"] }],
        ["OS=='solaris'", { "sources": ["src/dtrace-helper-illumos.cc"] }]
      ],
      "actions": [
        {
          "action_name": "remember_backend",
          "inputs": ["binding.gyp"],
          "outputs": ["<(PRODUCT_DIR)/backend.json"],
          "action": [
            "node",
            "-e",
            "require('fs').writeFileSync(process.argv[1], JSON.stringify(process.argv[2]))",
            "<(PRODUCT_DIR)/backend.json",
            "<(sonde_backend)"
          ]
        }
      ]
    }
  ]
}
