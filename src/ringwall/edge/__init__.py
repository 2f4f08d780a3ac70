"""Between the walls: what runs and configures HAProxy, Kamailio and rtpengine. Knows no password and no policy."""
