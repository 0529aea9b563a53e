{
  "targets": [
    {
      "target_name": "sonde_node",
      "conditions": [
        [
          "target_arch not in ['x64', 'arm64'] or OS not in ['linux', 'mac', 'freebsd', 'solaris']",
          { "type": "none" },
          {
            "sources": ["abi.cc", "addon.cc", "allocation.cc", "capture.cc", "gc.cc", "printable.cc"],
            "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
            "defines": [
              "NAPI_VERSION=8",
              "NODE_ADDON_API_DISABLE_DEPRECATED",
              "NAPI_DISABLE_CPP_EXCEPTIONS",
              # In a thread that is being ended nothing can be thrown; otherwise that would abort the process.
              "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
            ],
            "cflags": ["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
            "xcode_settings": { "GCC_SYMBOLS_PRIVATE_EXTERN": "YES", "MACOSX_DEPLOYMENT_TARGET": "11.0" },
            "conditions": [
              # What reads perf's map is there only.
              [
                "OS=='linux'",
                {
                  "sources": [
                    "builtins-copy.cc",
                    "code-events.cc",
                    "code-map.cc",
                    "code-name.cc",
                    "jit-dump.cc",
                    "made-file.cc",
                    "mappings.cc",
                    "v8-flags.cc"
                  ],
                  "libraries": ["-ldl", "-pthread"]
                }
              ]
            ]
          }
        ]
      ]
    }
  ]
}
