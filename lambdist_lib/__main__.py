from lambdist_lib.cli import main

raise SystemExit(main())
