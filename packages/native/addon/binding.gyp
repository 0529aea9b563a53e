{
  "variables": {
    # What the build is configured for: auto, dtrace, systemtap, ebpf or noop (npm_config_sonde_backend, or node-gyp's
    # --sonde_backend=). It decides what is compiled, and is the default at run time: the addon knows it, and where none is
    # compiled, a file in its place.
    "sonde_backend%": "auto"
  },
  "targets": [
    {
      "target_name": "sonde",
      "conditions": [
        [
          "target_arch not in ['x64', 'arm64'] or OS not in ['linux', 'mac', 'freebsd', 'solaris'] or sonde_backend=='noop' or (OS!='linux' and sonde_backend in ['systemtap', 'ebpf'])",
          { "type": "none" },
          {
            "sources": ["addon.cc", "file-opens.cc", "fire.cc", "watch.cc"],
            "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
            "defines": [
              "NAPI_VERSION=8",
              "NODE_ADDON_API_DISABLE_DEPRECATED",
              "NAPI_DISABLE_CPP_EXCEPTIONS",
              # In a thread that is being ended nothing can be thrown; otherwise that would abort the process.
              "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
              "SONDE_BACKEND=\"<(sonde_backend)\""
            ],
            "cflags": ["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
            "xcode_settings": { "GCC_SYMBOLS_PRIVATE_EXTERN": "YES", "MACOSX_DEPLOYMENT_TARGET": "11.0" },
            "conditions": [
              ["OS=='linux'", { "libraries": ["-ldl"] }],
              [
                "sonde_backend in ['auto', 'dtrace']",
                {
                  "sources": ["dtrace.cc", "stub-pool.cc"],
                  "conditions": [
                    ["OS=='linux'", { "sources": ["dtrace-helper-linux.cc"] }],
                    ["OS=='mac'", { "sources": ["dtrace-helper-macos.cc"] }],
                    ["OS=='freebsd'", { "sources": ["dtrace-helper-freebsd.cc"] }],
                    ["OS=='solaris'", { "sources": ["dtrace-helper-illumos.cc"] }]
                  ]
                },
                { "defines": ["SONDE_WITHOUT_DTRACE"] }
              ],
              [
                "OS=='linux' and sonde_backend in ['auto', 'ebpf']",
                { "sources": ["events.cc"] },
                { "defines": ["SONDE_WITHOUT_EVENTS"] }
              ],
              [
                "OS=='linux' and sonde_backend!='dtrace'",
                { "sources": ["object.cc"] },
                { "defines": ["SONDE_WITHOUT_OBJECTS"] }
              ]
            ]
          }
        ]
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
