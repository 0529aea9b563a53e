{
  "variables": {
    "native": "../../packages/native/addon",
    # Their `open` and `ioctl` come to the model, which is loaded before.
    "to_the_model": ["-Wl,--wrap=open,--wrap=open64,--wrap=ioctl"]
  },
  "target_defaults": {
    "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
    "defines": [
      "NAPI_VERSION=8",
      "NODE_ADDON_API_DISABLE_DEPRECATED",
      "NAPI_DISABLE_CPP_EXCEPTIONS",
      "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
    ],
    "cflags": ["-O2", "-Wall", "-Wextra", "-fvisibility=hidden", "-fPIC"]
  },
  "conditions": [
    [
      "OS=='linux' and target_arch=='x64'",
      {
        "targets": [
          {
            "target_name": "fasttrap",
            "sources": ["src/fasttrap.cc"],
            "dependencies": ["kernel_illumos", "kernel_freebsd", "kernel_macos", "kernel_linux"]
          },
          {
            "target_name": "kernel_illumos",
            "type": "static_library",
            "sources": ["src/illumos.cc"],
            "include_dirs": ["include/illumos"]
          },
          {
            "target_name": "kernel_freebsd",
            "type": "static_library",
            "sources": ["src/freebsd.cc"],
            "include_dirs": ["include/freebsd", "include/bsd"]
          },
          {
            "target_name": "kernel_macos",
            "type": "static_library",
            "sources": ["src/macos.cc"],
            "include_dirs": ["include/macos", "include/bsd"]
          },
          { "target_name": "kernel_linux", "type": "static_library", "sources": ["src/linux.cc"] },
          {
            # sonde's addon, but for what is different for each system.
            "target_name": "sonde_without_helper",
            "type": "static_library",
            "sources": [
              "<(native)/dtrace.cc",
              "<(native)/events.cc",
              "<(native)/file-opens.cc",
              "<(native)/fire.cc",
              "<(native)/object.cc",
              "<(native)/stub-pool.cc",
              "<(native)/watch.cc"
            ]
          },
          {
            "target_name": "sonde_illumos",
            "sources": ["<(native)/addon.cc", "<(native)/dtrace-helper-illumos.cc"],
            "dependencies": ["sonde_without_helper"],
            "ldflags": ["<@(to_the_model)"],
            "include_dirs": ["include/illumos"]
          },
          {
            "target_name": "sonde_freebsd",
            "sources": ["<(native)/addon.cc", "<(native)/dtrace-helper-freebsd.cc"],
            "dependencies": ["sonde_without_helper"],
            "ldflags": ["<@(to_the_model)"],
            "include_dirs": ["include/freebsd", "include/bsd"]
          },
          {
            "target_name": "sonde_macos",
            "sources": ["<(native)/addon.cc", "<(native)/dtrace-helper-macos.cc"],
            "dependencies": ["sonde_without_helper"],
            "ldflags": ["<@(to_the_model)"],
            "include_dirs": ["include/macos", "include/bsd"]
          },
          {
            "target_name": "sonde_linux",
            "sources": ["<(native)/addon.cc", "<(native)/dtrace-helper-linux.cc"],
            "dependencies": ["sonde_without_helper"],
            "ldflags": ["<@(to_the_model)"]
          }
        ]
      },
      { "targets": [{ "target_name": "fasttrap", "type": "none" }] }
    ]
  ]
}
