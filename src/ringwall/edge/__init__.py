"""Between the walls: what runs and configures HAProxy, Kamailio and rtpengine.

It knows no password and no policy.
"""
