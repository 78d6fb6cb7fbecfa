from lambdist_lib.cli.main import main

raise SystemExit(main())
